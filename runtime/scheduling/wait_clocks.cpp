#include "runtime/scheduling/wait_clocks.hpp"

#include <algorithm>

namespace troupe::runtime {
namespace {

int64_t span_us(mono_time from, mono_time to) noexcept {
  return std::max<int64_t>(0, (to - from).count());
}

} // namespace

std::string_view to_string(wait_reason x) noexcept {
  switch (x) {
    case wait_reason::ahead_in_order:
      return "ahead_in_order";
    case wait_reason::tenant_gate:
      return "tenant_gate";
    case wait_reason::no_free_slot:
      return "no_free_slot";
    case wait_reason::no_worker:
      return "no_worker";
    case wait_reason::breaker_open:
      return "breaker_open";
    case wait_reason::upstream_paused:
      return "upstream_paused";
    case wait_reason::retry_delay:
      return "retry_delay";
    case wait_reason::retry_budget:
      return "retry_budget";
    case wait_reason::solo_retry:
      return "solo_retry";
    case wait_reason::conversation_turn:
      return "conversation_turn";
    case wait_reason::graph_parents:
      return "graph_parents";
    case wait_reason::shard_moving:
      return "shard_moving";
    case wait_reason::store_unwritable:
      return "store_unwritable";
    case wait_reason::admission_paused:
      return "admission_paused";
    case wait_reason::not_announced:
      return "not_announced";
  }
  return "unknown";
}

wait_reason reason_of(const queue_situation& x) noexcept {
  if (!x.store_writable)
    return wait_reason::store_unwritable;
  if (!x.serving)
    return wait_reason::no_worker;
  if (!x.breaker_closed)
    return wait_reason::breaker_open;
  if (x.upstream_paused)
    return wait_reason::upstream_paused;
  if (!x.announced)
    return wait_reason::not_announced;
  if (x.throttled)
    return wait_reason::tenant_gate;
  return x.in_front ? wait_reason::no_free_slot : wait_reason::ahead_in_order;
}

// --- jobs -------------------------------------------------------------------

void wait_clocks::enter(job_id job, const queue_name& queue, mono_time now,
                        std::optional<wait_reason> blocked, uint8_t tag) {
  auto index = clock_of(queue, now);
  ++clocks_[index].jobs;
  auto [it, fresh] = jobs_.try_emplace(job);
  auto& e = it->second;
  if (!fresh) {
    turn(e, std::nullopt, now);
    drop_clock_job(e.queue);
  }
  e.queue = index;
  e.tag = tag;
  e.own = blocked;
  e.since = now;
  e.at = marks_of(clocks_[index], now);
}

void wait_clocks::block(job_id job, wait_reason why, mono_time now) {
  if (auto it = jobs_.find(job); it != jobs_.end())
    turn(it->second, why, now);
}

void wait_clocks::release(job_id job, mono_time now) {
  if (auto it = jobs_.find(job); it != jobs_.end() && it->second.own)
    turn(it->second, std::nullopt, now);
}

wait_seconds wait_clocks::leave(job_id job, mono_time now) {
  auto waited = look(job, now);
  auto it = jobs_.find(job);
  if (it == jobs_.end())
    return waited;
  if (it->second.earlier != 0)
    earlier_.erase(it->second.earlier);
  drop_clock_job(it->second.queue);
  jobs_.erase(it);
  return waited;
}

wait_seconds wait_clocks::look(job_id job, mono_time now) const {
  wait_seconds waited{};
  auto it = jobs_.find(job);
  if (it == jobs_.end())
    return waited;
  if (it->second.earlier != 0)
    waited = earlier_.at(it->second.earlier);
  add_current(it->second, now, waited);
  return waited;
}

std::optional<wait_clocks::place> wait_clocks::where(job_id job) const {
  auto it = jobs_.find(job);
  if (it == jobs_.end())
    return std::nullopt;
  return place{.model = clocks_[it->second.queue].name.first,
               .tag = it->second.tag};
}

std::optional<wait_reason> wait_clocks::reason(job_id job) const {
  auto it = jobs_.find(job);
  if (it == jobs_.end())
    return std::nullopt;
  return it->second.own ? *it->second.own : clocks_[it->second.queue].why;
}

// --- queues -----------------------------------------------------------------

void wait_clocks::set(const queue_name& queue, wait_reason why, mono_time now) {
  auto it = by_name_.find(queue);
  if (it == by_name_.end())
    return; // Nobody waits: the next to come finds out.
  auto& c = clocks_[it->second];
  c.us[index_of(c.why)] += span_us(c.since, now);
  c.since = std::max(c.since, now);
  c.why = why;
}

std::vector<wait_clocks::queue_name>
wait_clocks::queues(std::string_view model) const {
  std::vector<queue_name> found;
  for (auto it = by_name_.lower_bound({std::string{model}, {}});
       it != by_name_.end() && it->first.first == model; ++it)
    found.push_back(it->first);
  return found;
}

size_t wait_clocks::waiting(const queue_name& queue) const {
  auto it = by_name_.find(queue);
  return it == by_name_.end() ? 0 : clocks_[it->second].jobs;
}

// --- private ----------------------------------------------------------------

uint32_t wait_clocks::clock_of(const queue_name& queue, mono_time now) {
  auto [it, fresh] = by_name_.try_emplace(queue);
  if (!fresh)
    return it->second;
  if (free_clocks_.empty()) {
    it->second = static_cast<uint32_t>(clocks_.size());
    clocks_.emplace_back();
  } else {
    it->second = free_clocks_.back();
    free_clocks_.pop_back();
  }
  clocks_[it->second] = clock{.name = queue, .since = now};
  return it->second;
}

wait_clocks::marks wait_clocks::marks_of(const clock& c,
                                         mono_time now) const noexcept {
  marks m{};
  for (size_t i = 0; i < wait_reasons; ++i) {
    auto us = c.us[i];
    if (i == index_of(c.why))
      us += span_us(c.since, now);
    m[i] = static_cast<uint32_t>(us / 1000);
  }
  return m;
}

void wait_clocks::add_current(const entry& e, mono_time now,
                              wait_seconds& to) const {
  if (e.own) {
    to[index_of(*e.own)] += static_cast<float>(span_us(e.since, now)) / 1e6f;
    return;
  }
  auto then = marks_of(clocks_[e.queue], now);
  for (size_t i = 0; i < wait_reasons; ++i)
    to[i] += static_cast<float>(then[i] - e.at[i]) / 1e3f; // Modulo 2^32.
}

void wait_clocks::turn(entry& e, std::optional<wait_reason> own,
                       mono_time now) {
  wait_seconds waited{};
  if (e.earlier != 0)
    waited = earlier_.at(e.earlier);
  add_current(e, now, waited);
  keep_earlier(e, waited);
  e.own = own;
  e.since = now;
  e.at = marks_of(clocks_[e.queue], now);
}

void wait_clocks::keep_earlier(entry& e, const wait_seconds& waited) {
  if (e.earlier == 0) {
    do
      ++next_earlier_;
    while (next_earlier_ == 0 || earlier_.contains(next_earlier_));
    e.earlier = next_earlier_;
  }
  earlier_[e.earlier] = waited;
}

void wait_clocks::drop_clock_job(uint32_t index) {
  auto& c = clocks_[index];
  if (--c.jobs > 0)
    return;
  by_name_.erase(c.name);
  c.name = {};
  free_clocks_.push_back(index);
}

} // namespace troupe::runtime
