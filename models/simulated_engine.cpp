#include "models/simulated_engine.hpp"

#include "runtime/rng.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace troupe::models {
namespace {

using runtime::duration;
using runtime::mono_time;

constexpr duration beat_interval = std::chrono::seconds{1};
constexpr double service_s_max = 604'800.0;
constexpr uint32_t tokens_max = 1'000'000;
/// The 95th percentile of the standard normal distribution.
constexpr double z95 = 1.6448536269514722;

// Two of them are longer in bytes than in characters, so that every test of
// offsets meets UTF-8.
constexpr std::array<std::string_view, 32> words{
  "actor", "batch",   "café",  "delta",  "engine",  "frame", "gate",   "head",
  "index", "journal", "key",   "lease",  "message", "node",  "output", "prefix",
  "queue", "retry",   "shard", "token",  "update",  "value", "worker", "yield",
  "zone",  "größe",   "slot",  "stream", "store",   "tier",  "tenant", "epoch"};

/// splitmix64's finaliser (Steele, Lea, Flood 2014): one good hash of a word.
uint64_t mix(uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

uint64_t job_hash(uint64_t seed, runtime::job_id job) noexcept {
  return mix(mix(mix(seed) ^ job.high()) ^ job.low());
}

double bounded_service_s(double x) noexcept {
  // Written so that NaN becomes 0.
  return x > 0.0 ? std::min(x, service_s_max) : 0.0;
}

/// Four bytes a token: good enough for a model without a tokenizer.
uint32_t estimate_tokens(const attempt_request& request) noexcept {
  size_t bytes = request.text.size();
  for (const auto& m : request.messages)
    bytes += m.role.size() + m.content.size();
  return static_cast<uint32_t>(
    std::min<size_t>((bytes + 3) / 4, std::numeric_limits<uint32_t>::max()));
}

} // namespace

simulated_engine::simulated_engine(simulated_config config)
  : config_{config}, watchdog_{config.watchdog} {
  config_.slots = std::clamp<uint32_t>(config_.slots, 1, engine_slots_max);
}

void simulated_engine::start(engine_wakeup wake) {
  wake_ = std::move(wake);
  started_ = true;
  notify();
}

void simulated_engine::admit(attempt_request request) {
  if (dead_ || killed_)
    return;
  auto same = [&](const attempt& a) { return a.id == request.id; };
  if (std::ranges::any_of(attempts_, same))
    return;
  if (attempts_.size() >= config_.slots) {
    pending_.push_back(attempt_failed{
      .id = request.id,
      .why = runtime::fail(runtime::errc::queue_full, "no free slot"),
      .transient = true});
  } else {
    attempts_.push_back(plan(request));
  }
}

void simulated_engine::cancel(runtime::attempt_id id) {
  auto same = [&](const attempt& a) { return a.id == id; };
  std::erase_if(attempts_, same);
  std::erase_if(parked_, same);
}

void simulated_engine::park(runtime::attempt_id id, bool) {
  for (auto& a : attempts_)
    if (a.id == id)
      a.leaves = true;
  notify();
}

void simulated_engine::resume(runtime::attempt_id id) {
  auto it = std::ranges::find(parked_, id, &attempt::id);
  if (it == parked_.end())
    return;
  if (attempts_.size() >= config_.slots) {
    pending_.push_back(attempt_failed{
      .id = id,
      .why = runtime::fail(runtime::errc::queue_full, "no free slot"),
      .transient = true});
  } else {
    attempts_.push_back(std::move(*it));
  }
  parked_.erase(it);
  notify();
}

void simulated_engine::kill() {
  if (dead_)
    return;
  killed_ = true;
  notify();
}

std::vector<engine_event> simulated_engine::poll(mono_time now) {
  notified_ = false;
  std::vector<engine_event> out;
  if (dead_ || !started_)
    return out;
  if (killed_) {
    die(runtime::fail(runtime::errc::worker_lost, "the engine was killed"),
        out);
    return out;
  }
  if (!ready_) {
    ready_ = true;
    beat_at_ = now + beat_interval;
    watchdog_.started(now);
    watchdog_.ready(now);
    out.push_back(
      engine_ready{.description = {.kind = "simulated",
                                   .device = "none",
                                   .slots = config_.slots,
                                   .context_length = config_.context_length,
                                   .continues_prefix = true,
                                   .can_park = true,
                                   .tasks = {runtime::task_kind::chat,
                                             runtime::task_kind::complete}}});
  }
  std::ranges::move(pending_, std::back_inserter(out));
  pending_.clear();
  thaw(now);
  if (!frozen()) {
    begin_admitted(now, out);
    auto crash_at = crash_time(now);
    auto until = std::min(now, crash_at.value_or(now));
    std::erase_if(attempts_,
                  [&](attempt& a) { return advance(a, until, out); });
    if (crash_at) {
      die(runtime::fail(runtime::errc::worker_lost,
                        "simulated crash of the engine"),
          out);
      return out;
    }
    park_leaving(now, out);
  }
  supervise(now, out);
  return out;
}

std::optional<mono_time> simulated_engine::next_due() const {
  if (dead_ || !started_)
    return std::nullopt;
  if (!ready_ || killed_ || !pending_.empty())
    return mono_time::min();
  bool hung = frozen();
  if (frozen_since_ && !hung)
    return mono_time::min();
  auto due = std::min(beat_at_, watchdog_.next_check());
  if (hung)
    return due;
  for (const auto& a : attempts_)
    due =
      std::min(due, a.began && !a.leaves ? attempt_due(a) : mono_time::min());
  return due;
}

simulated_engine::attempt
simulated_engine::plan(const attempt_request& request) const {
  attempt a{.id = request.id};
  auto wanted = request.simulate.value_or(runtime::simulate_params{});
  auto service_s =
    wanted.service_s ? *wanted.service_s : draw_service_s(request.id);
  a.service =
    duration{static_cast<int64_t>(bounded_service_s(service_s) * 1e6)};
  a.input_tokens = estimate_tokens(request);
  a.total = std::min(wanted.tokens.value_or(config_.tokens), tokens_max);
  a.first = request.prefix_tokens;
  a.next = a.first;
  auto limit = request.params.max_output_tokens;
  a.last = std::max(a.first, a.total);
  if (limit > 0 && limit < a.last) {
    a.last = std::max(a.first, limit);
    a.finish = runtime::finish_reason::length;
  }
  if (wanted.fail_code == "invalid")
    a.failure = runtime::errc::validation_failed;
  fill_context(a);
  auto fail_at = wanted.fail_at_token.value_or(
    wanted.crash ? 0 : std::numeric_limits<uint32_t>::max());
  // A crash past the end would never happen: nobody asks for that.
  if (wanted.crash || fail_at < a.last) {
    a.end = wanted.crash ? ending::crash : ending::fail;
    a.last = std::max(a.first, std::min(a.last, fail_at));
  }
  a.hangs = wanted.hang;
  return a;
}

/// Input and output share the context, as in a decoder.
void simulated_engine::fill_context(attempt& a) const {
  if (config_.context_length == 0)
    return;
  auto room = a.input_tokens < config_.context_length
                ? config_.context_length - a.input_tokens
                : 0;
  if (room == 0) {
    a.end = ending::fail;
    a.failure = runtime::errc::context_too_long;
  }
  if (room < a.last) {
    a.last = std::max(a.first, room);
    a.finish = runtime::finish_reason::context_length;
  }
}

double simulated_engine::draw_service_s(runtime::attempt_id id) const {
  if (config_.service == service_kind::constant)
    return config_.median_s;
  runtime::seeded_rng random{job_hash(config_.seed, id.job) ^ mix(id.attempt)};
  // Box and Muller 1958; 1 - unit() is never 0.
  auto radius = std::sqrt(-2.0 * std::log(1.0 - random.unit()));
  auto z = radius * std::cos(2.0 * std::numbers::pi * random.unit());
  auto sigma = std::log(std::max(config_.p95_s / config_.median_s, 1.0)) / z95;
  return config_.median_s * std::exp(sigma * z);
}

std::string simulated_engine::word(runtime::job_id job, uint32_t index) const {
  auto pick = mix(job_hash(config_.seed, job) ^ index) % words.size();
  std::string text{index == 0 ? "" : " "};
  return text.append(words[pick]);
}

mono_time simulated_engine::token_due(const attempt& a, uint32_t index) const {
  if (a.total == 0)
    return a.began_at;
  auto share =
    static_cast<double>(index - a.first + 1) / static_cast<double>(a.total);
  return a.began_at
         + duration{static_cast<int64_t>(static_cast<double>(a.service.count())
                                         * share)};
}

mono_time simulated_engine::end_due(const attempt& a) const {
  if (a.end == ending::finish) {
    if (a.total == 0)
      return a.began_at + a.service;
    return a.last > a.first ? token_due(a, a.last - 1) : a.began_at;
  }
  // In place of the token that it never says; at once when that was said by
  // an earlier attempt, or when the answer has no tokens at all.
  return a.last > a.first ? token_due(a, a.last) : a.began_at;
}

mono_time simulated_engine::attempt_due(const attempt& a) const {
  auto due = end_due(a);
  if (a.next >= a.last)
    return due;
  auto by_time = std::max(a.pace.ready_at(), token_due(a, a.next));
  due = std::min(due, by_time);
  // Fewer than a full batch would only come round again without being told.
  if (a.last - a.next >= output_pace::tokens_max)
    due = std::min(due, token_due(a, a.next + output_pace::tokens_max - 1));
  return due;
}

bool simulated_engine::frozen() const noexcept {
  return std::ranges::any_of(
    attempts_, [](const attempt& a) { return a.began && a.hangs; });
}

void simulated_engine::thaw(mono_time now) {
  if (!frozen_since_ || frozen())
    return;
  for (auto& a : attempts_)
    a.began_at += now - *frozen_since_;
  frozen_since_.reset();
}

void simulated_engine::begin_admitted(mono_time now,
                                      std::vector<engine_event>& out) {
  for (auto& a : attempts_) {
    if (a.began)
      continue;
    a.began = true;
    a.began_at = now - a.served;
    if (a.served > duration{0})
      continue; // It comes back.
    if (a.hangs) {
      frozen_since_ = now;
      continue;
    }
    out.push_back(attempt_began{.id = a.id, .input_tokens = a.input_tokens});
  }
}

bool simulated_engine::advance(attempt& a, mono_time now,
                               std::vector<engine_event>& out) {
  if (a.hangs)
    return false;
  auto ended = end_due(a) <= now;
  auto until = a.next;
  while (until < a.last && until - a.next < burst_tokens_max
         && (ended || token_due(a, until) <= now))
    ++until;
  auto held = until - a.next;
  if (held > 0 && (ended || a.leaves || a.pace.due(held, now))) {
    attempt_output said{.id = a.id, .text = {}, .tokens = held};
    for (; a.next < until; ++a.next)
      said.text += word(a.id.job, a.next);
    out.push_back(std::move(said));
    a.pace.flushed(now);
  }
  if (!ended || a.next < a.last || a.end == ending::crash)
    return false;
  if (a.end == ending::fail) {
    out.push_back(
      attempt_failed{.id = a.id,
                     .why = runtime::fail(a.failure, "simulated failure"),
                     .transient = a.failure == runtime::errc::model_error});
  } else {
    out.push_back(attempt_finished{.id = a.id,
                                   .finish = a.finish,
                                   .input_tokens = a.input_tokens,
                                   .output_tokens = a.last - a.first});
  }
  return true;
}

/// What it said is said: `advance` came first.
void simulated_engine::park_leaving(mono_time now,
                                    std::vector<engine_event>& out) {
  for (auto it = attempts_.begin(); it != attempts_.end();) {
    if (!it->leaves || it->hangs) {
      ++it;
      continue;
    }
    it->leaves = false;
    it->began = false;
    // At least 1 us: 0 is one that never began.
    it->served = std::max(duration{1}, now - it->began_at);
    out.push_back(attempt_parked{it->id});
    parked_.push_back(std::move(*it));
    it = attempts_.erase(it);
  }
}

std::optional<mono_time> simulated_engine::crash_time(mono_time now) const {
  std::optional<mono_time> first;
  for (const auto& a : attempts_) {
    if (a.end != ending::crash || !a.began || a.hangs)
      continue;
    auto at = end_due(a);
    if (at <= now && (!first || at < *first))
      first = at;
  }
  return first;
}

void simulated_engine::supervise(mono_time now,
                                 std::vector<engine_event>& out) {
  auto slots = static_cast<uint32_t>(attempts_.size());
  watchdog_.observe(now);
  watchdog_.occupied(slots, now);
  if (slots > 0 && !frozen())
    ++steps_;
  if (now >= beat_at_) {
    beat_at_ = now + beat_interval;
    out.push_back(engine_beat{.steps = steps_});
  }
  // An engine without a process is never silent, only stuck.
  watchdog_.beat(steps_, now);
  auto verdict = watchdog_.check(now);
  if (verdict != engine_verdict::healthy)
    die(runtime::fail(runtime::errc::worker_lost,
                      describe(verdict, config_.watchdog)),
        out);
}

void simulated_engine::die(runtime::failure why,
                           std::vector<engine_event>& out) {
  dead_ = true;
  attempts_.clear();
  parked_.clear();
  out.push_back(engine_died{.why = std::move(why)});
}

void simulated_engine::notify() {
  if (notified_ || !started_ || !wake_)
    return;
  notified_ = true;
  wake_();
}

} // namespace troupe::models
