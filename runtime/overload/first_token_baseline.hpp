// What time to the first token is usual for a target: a decaying histogram of
// healthy times, from which a slow call is told. Used by breaker.
//
// An incident cannot move it: slow times are not learnt at all, times wait for a
// minute before they count and are thrown away when the breaker opens meanwhile,
// and with a half-life of two hours it takes nine minutes of times just below
// the limit until they are a twentieth of the weight, and so the p95.
#pragma once

#include "runtime/clock.hpp"

#include <array>
#include <cstddef>
#include <optional>

namespace troupe::runtime {

struct slowness_limits {
  double factor = 3.0; ///< Slow is more than this times the p95; >= 1.
  /// Never slow below this: next to nothing times three is still noise.
  duration at_least{std::chrono::milliseconds{100}};
};

/// About 200 steps a call, a fixed 1.6 KiB. Not thread-safe.
class first_token_baseline {
public:
  explicit first_token_baseline(slowness_limits limits = {}) noexcept
    : limits_{limits} {}

  /// A call to a healthy target. Slow and negative times are not learnt.
  void learn(duration first_token, mono_time now) noexcept;
  /// An incident began: what waits to be counted may belong to it.
  void forget_recent() noexcept;
  /// What was usual is no longer.
  void clear() noexcept;

  /// Nothing while less than `samples_min` were learnt. The upper edge of its
  /// bucket: up to 19 % above the true value, never below, within 1 ms and 4 h.
  std::optional<duration> p95() const noexcept;
  /// False while there is no p95.
  bool is_slow(duration first_token) const noexcept;

  static constexpr double samples_min = 20;
  static constexpr duration settling_time = std::chrono::minutes{1};
  static constexpr duration half_life = std::chrono::hours{2};

private:
  static constexpr size_t buckets = 96; // of ratio 2^(1/4) from 1 ms
  using histogram = std::array<double, buckets>;
  static size_t bucket_of(duration t) noexcept;
  void settle(mono_time now) noexcept;

  slowness_limits limits_;
  histogram settled_{};
  histogram recent_{};
  std::optional<mono_time> recent_since_;
};

} // namespace troupe::runtime
