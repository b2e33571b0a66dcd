#include "models/engine_watchdog.hpp"

#include <algorithm>

namespace troupe::models {
namespace {

std::string seconds(runtime::duration x) {
  auto tenths =
    std::chrono::duration_cast<std::chrono::milliseconds>(x).count() / 100;
  auto text = std::to_string(tenths / 10);
  if (tenths % 10 != 0)
    text += "." + std::to_string(tenths % 10);
  return text + " s";
}

} // namespace

std::string describe(engine_verdict verdict, const watchdog_config& config) {
  switch (verdict) {
    case engine_verdict::healthy:
      return "healthy";
    case engine_verdict::no_heartbeat:
      return "no heartbeat for " + seconds(config.heartbeat_timeout);
    case engine_verdict::hung:
      return "no step for " + seconds(config.hang_max) + " with a busy slot";
    case engine_verdict::load_stuck:
      return "not loaded after " + seconds(config.load_max);
  }
  return "unknown";
}

void engine_watchdog::started(runtime::mono_time now) noexcept {
  started_ = true;
  started_at_ = now;
  observed_at_ = now;
  heard_at_ = now;
  moved_at_ = now;
}

void engine_watchdog::ready(runtime::mono_time now) noexcept {
  ready_ = true;
  progress(now);
}

void engine_watchdog::beat(uint64_t steps, runtime::mono_time now) noexcept {
  heard_at_ = now;
  if (steps != steps_)
    moved_at_ = now;
  steps_ = steps;
}

void engine_watchdog::progress(runtime::mono_time now) noexcept {
  heard_at_ = now;
  moved_at_ = now;
}

void engine_watchdog::occupied(uint32_t slots,
                               runtime::mono_time now) noexcept {
  if (slots_ == 0 && slots > 0)
    moved_at_ = now;
  slots_ = slots;
}

void engine_watchdog::observe(runtime::mono_time now) noexcept {
  auto gap = now - observed_at_;
  observed_at_ = now;
  if (!started_ || gap <= config_.heartbeat_timeout / 2)
    return;
  heard_at_ = std::min(heard_at_ + gap, now);
  moved_at_ = std::min(moved_at_ + gap, now);
  started_at_ = std::min(started_at_ + gap, now);
}

engine_verdict engine_watchdog::check(runtime::mono_time now) const noexcept {
  if (!started_)
    return engine_verdict::healthy;
  if (now - heard_at_ >= config_.heartbeat_timeout)
    return engine_verdict::no_heartbeat;
  if (!ready_)
    return now - started_at_ >= config_.load_max ? engine_verdict::load_stuck
                                                 : engine_verdict::healthy;
  if (slots_ > 0 && now - moved_at_ >= config_.hang_max)
    return engine_verdict::hung;
  return engine_verdict::healthy;
}

runtime::mono_time engine_watchdog::next_check() const noexcept {
  if (!started_)
    return runtime::mono_time::max();
  auto due = std::min(heard_at_ + config_.heartbeat_timeout,
                      observed_at_ + config_.heartbeat_timeout / 4);
  if (!ready_)
    due = std::min(due, started_at_ + config_.load_max);
  else if (slots_ > 0)
    due = std::min(due, moved_at_ + config_.hang_max);
  return due;
}

} // namespace troupe::models
