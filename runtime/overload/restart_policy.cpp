#include "runtime/overload/restart_policy.hpp"

#include <algorithm>

namespace troupe::runtime {
namespace {

constexpr double jitter_share = 0.2;

} // namespace

std::string_view to_string(restart_mode mode) noexcept {
  switch (mode) {
    case restart_mode::permanent:
      return "permanent";
    case restart_mode::transient:
      return "transient";
    case restart_mode::temporary:
      return "temporary";
  }
  return "unknown";
}

bool calls_for_restart(restart_mode mode, exit_kind how) noexcept {
  switch (mode) {
    case restart_mode::permanent:
      return true;
    case restart_mode::transient:
      return how == exit_kind::crash;
    case restart_mode::temporary:
      return false;
  }
  return false;
}

restart_window::restart_window(restart_intensity limit) noexcept
  : limit_{limit} {}

bool restart_window::permits(mono_time at) const {
  if (limit_.restarts_max == 0)
    return false;
  // Only spans that contain `at` can have become too full.
  auto with_at = granted_;
  with_at.insert(std::upper_bound(with_at.begin(), with_at.end(), at), at);
  for (size_t first = 0; first + limit_.restarts_max < with_at.size(); ++first)
    if (with_at[first + limit_.restarts_max] - with_at[first] < limit_.window)
      return false;
  return true;
}

void restart_window::grant(mono_time at, mono_time now) {
  auto recent =
    std::upper_bound(granted_.begin(), granted_.end(), now - limit_.window);
  granted_.erase(granted_.begin(), recent);
  granted_.insert(std::upper_bound(granted_.begin(), granted_.end(), at), at);
}

size_t restart_window::used(mono_time now) const noexcept {
  auto recent =
    std::upper_bound(granted_.begin(), granted_.end(), now - limit_.window);
  return static_cast<size_t>(granted_.end() - recent);
}

void restart_backoff::started(mono_time now) noexcept {
  up_ = true;
  up_since_ = now;
}

void restart_backoff::stopped(mono_time now) noexcept {
  if (up_ && now - up_since_ >= range_.healthy_after())
    failures_ = 0;
  up_ = false;
}

duration restart_backoff::next_delay(mono_time now, double random) noexcept {
  stopped(now);
  auto delay = range_.first;
  for (uint32_t n = 0; n < failures_ && delay < range_.cap; ++n)
    delay *= 2;
  delay = std::min(delay, range_.cap);
  if (failures_ < UINT32_MAX)
    ++failures_;
  auto jitter = static_cast<double>(delay.count()) * jitter_share * random;
  return delay + duration{static_cast<int64_t>(jitter)};
}

void restart_backoff::reset() noexcept {
  failures_ = 0;
  up_ = false;
}

} // namespace troupe::runtime
