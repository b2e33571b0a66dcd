#include "tests/bench/sched/troupe_order.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace troupe::bench {
namespace {

int64_t to_us(double seconds) {
  return static_cast<int64_t>(std::llround(seconds * 1e6));
}

runtime::duration duration_of(double seconds) {
  return runtime::duration{to_us(seconds)};
}

runtime::head_rank rank_of(int64_t key, uint32_t job) {
  return {.key = key, .id = runtime::job_id{0, job}};
}

} // namespace

troupe_order::troupe_order(const workload& w, const troupe_options& options)
  : work_{w}, options_{options}, terms_{options.boost},
    gate_{std::max(options.gate_slack_jobs, 1.0)},
    heaps_(gated() ? w.tenants : 1), predictions_(w.jobs.size()),
    places_(w.jobs.size()) {
  current_.capacity = w.slots;
  log_.limits.push_back({0, 0});
  log_.keys.resize(w.jobs.size());
  log_.bases.resize(w.jobs.size());
  if (!gated())
    return;
  charged_.resize(w.jobs.size());
  for (uint32_t t = 0; t < w.tenants; ++t)
    gate_.intern(std::to_string(t));
}

// --- arrival -----------------------------------------------------------------

runtime::cost_features troupe_order::features(const sim_job& j) const {
  constexpr double bytes_per_token = 4;
  return {.tenant = "all",
          .task = j.kind == job_kind::code ? runtime::task_kind::complete
                                           : runtime::task_kind::chat,
          .input_bytes = static_cast<double>(j.input_tokens) * bytes_per_token};
}

/// Returns ln E[e^(gamma S)], S = work / k.
double troupe_order::predict(uint32_t job) {
  const auto& j = work_.jobs[job];
  auto rate = current_.gamma / current_.capacity;
  if (!options_.learns) {
    predictions_[job] = {static_cast<float>(j.predicted),
                         static_cast<float>(j.predicted_p50)};
    return rate * j.predicted;
  }
  auto p = costs_.predict(features(j), rate);
  predictions_[job] = {static_cast<float>(p.mean_s),
                       static_cast<float>(p.p50_s)};
  return p.log_mgf;
}

bool troupe_order::arrive(uint32_t job, double now) {
  const auto& j = work_.jobs[job];
  auto log_mgf = predict(job);
  terms_.observe_work(predictions_[job].mean_s);
  runtime::key_inputs in{.arrival = runtime::wall_from_us(to_us(now)),
                         .weight = options_.weights[j.tier],
                         .log_mgf = log_mgf,
                         .slo = duration_of(options_.slo_s),
                         .deferral_max = duration_of(options_.deferral_max_s)};
  if (j.limit < never && options_.slo_s > 0)
    in.deadline = runtime::wall_from_us(to_us(j.limit));
  auto key = runtime::make_priority_key(in, current_);
  log_.keys[job] = key.key;
  log_.bases[job] = key.base;
  if (options_.backlog_limit_s > 0
      && work_ahead(key.key, now) / work_.slots
           > options_.backlog_limit_s * options_.factors[j.tier])
    return false;
  if (options_.sheds)
    latest_starts_.push(
      {j.limit - options_.deadline_margin_s - predictions_[job].p50_s, job});
  enqueue(job);
  return true;
}

double troupe_order::work_ahead(int64_t key, double now) const {
  return static_cast<double>(queued_.below(key).work_us) / 1e6
         + running_rest(now);
}

// --- the queue ---------------------------------------------------------------

troupe_order::key_heap& troupe_order::heap_of(uint32_t job) {
  return heaps_[gated() ? work_.jobs[job].tenant : 0];
}

void troupe_order::enqueue(uint32_t job) {
  auto& heap = heap_of(job);
  heap.push({log_.keys[job], job});
  places_[job] = place::queue;
  queued_.add(log_.keys[job], to_us(predictions_[job].mean_s));
  if (gated() && heap.top().job == job)
    offer_head(work_.jobs[job].tenant);
}

void troupe_order::leave_queue(uint32_t job) {
  places_[job] = place::outside;
  queued_.remove(log_.keys[job], to_us(predictions_[job].mean_s));
  auto& heap = heap_of(job);
  while (!heap.empty() && places_[heap.top().job] != place::queue)
    heap.pop();
  if (gated())
    offer_head(work_.jobs[job].tenant);
}

void troupe_order::offer_head(uint32_t tenant) {
  const auto& heap = heaps_[tenant];
  if (heap.empty())
    gate_.withdraw(tenant);
  else
    gate_.offer(tenant, rank_of(heap.top().key, heap.top().job));
}

std::optional<uint32_t> troupe_order::next_job() {
  uint32_t queue = 0;
  if (gated()) {
    gap_seen_ = std::max(gap_seen_, gate_.gap());
    slack_seen_ = std::max(slack_seen_, gate_.slack());
    auto tenant = gate_.pick();
    if (!tenant)
      return std::nullopt;
    queue = *tenant;
  }
  if (heaps_[queue].empty())
    return std::nullopt;
  return heaps_[queue].top().job;
}

std::optional<uint32_t> troupe_order::next_dead(double now) {
  while (!latest_starts_.empty() && latest_starts_.top().at < now) {
    auto job = latest_starts_.top().job;
    latest_starts_.pop();
    if (places_[job] == place::queue)
      return job;
  }
  return std::nullopt;
}

std::optional<order::choice> troupe_order::pick(double now) {
  if (auto dead = next_dead(now)) {
    leave_queue(*dead);
    return choice{*dead, true};
  }
  auto job = next_job();
  if (!job)
    return std::nullopt;
  if (gated()) {
    // Before the head changes: the clock belongs to the tenant that waits.
    charged_[*job] = predictions_[*job].mean_s;
    gate_.charge(work_.jobs[*job].tenant, charged_[*job]);
  }
  leave_queue(*job);
  return choice{*job};
}

// --- slots -------------------------------------------------------------------

void troupe_order::started(uint32_t job, double now) {
  places_[job] = place::slot;
  running_.emplace_back(job, now);
}

void troupe_order::finished(uint32_t job, double) {
  places_[job] = place::outside;
  std::erase_if(running_, [&](const auto& r) { return r.first == job; });
  const auto& j = work_.jobs[job];
  if (gated())
    gate_.correct(j.tenant, j.work - static_cast<double>(charged_[job]));
  if (options_.learns)
    costs_.learn({.job = features(j),
                  .input_tokens = static_cast<double>(j.input_tokens),
                  .output_tokens = static_cast<double>(j.output_tokens),
                  .seconds = j.work});
}

void troupe_order::parked(uint32_t job, double) {
  std::erase_if(running_, [&](const auto& r) { return r.first == job; });
  enqueue(job);
}

bool troupe_order::displaces(uint32_t running, double done) const {
  const auto& heap = heaps_[0];
  return !heap.empty() && heap.top().key < log_.keys[running]
         && done < options_.stop_ratio
                     * static_cast<double>(predictions_[running].mean_s);
}

// --- terms -------------------------------------------------------------------

double troupe_order::running_rest(double now) const {
  double sum = 0;
  for (auto [job, since] : running_)
    sum += std::max(
      static_cast<double>(predictions_[job].mean_s) - (now - since), 0.0);
  return sum;
}

void troupe_order::tick(double now) {
  next_tick_ = now + snapshot_s;
  auto horizon = to_us(now + current_.limit_s);
  terms_.observe_drain(work_ahead(horizon, now) / work_.slots,
                       runtime::mono_time{duration_of(now)});
  current_ = terms_.terms(work_.slots);
  log_.limits.push_back({now, current_.limit_s});
}

} // namespace troupe::bench
