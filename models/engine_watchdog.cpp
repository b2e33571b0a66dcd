#include "models/engine_watchdog.hpp"

#include <algorithm>

namespace troupe::models {

void engine_watchdog::started(runtime::mono_time now) noexcept {
  started_ = true;
  heard_at_ = now;
  moved_at_ = now;
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

engine_verdict engine_watchdog::check(runtime::mono_time now) const noexcept {
  if (!started_)
    return engine_verdict::healthy;
  if (now - heard_at_ >= config_.heartbeat_timeout)
    return engine_verdict::no_heartbeat;
  if (slots_ > 0 && now - moved_at_ >= config_.hang_max)
    return engine_verdict::hung;
  return engine_verdict::healthy;
}

runtime::mono_time engine_watchdog::next_check() const noexcept {
  if (!started_)
    return runtime::mono_time::max();
  auto silent_at = heard_at_ + config_.heartbeat_timeout;
  if (slots_ == 0)
    return silent_at;
  return std::min(silent_at, moved_at_ + config_.hang_max);
}

} // namespace troupe::models
