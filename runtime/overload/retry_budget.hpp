// How many retries a model may have: a share of its first attempts over a
// sliding minute, so that a failing model is not buried under its own retries
// (retry budgets: Google SRE book, chapter 21). Beyond it a retry waits.
#pragma once

#include "runtime/clock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace troupe::runtime {

struct retry_budget_settings {
  double share = 0.1;       ///< [0, 1] of the first attempts of the minute.
  uint32_t retries_min = 3; ///< >= 1; so many a minute in any case.
};

/// Counts by the second and doubts to its own disadvantage: a first attempt
/// counts for at most a minute, a retry for at least one. Thus no span of a
/// minute holds more retries than the budget that its last one was granted from.
/// Fixed memory, at most 61 * 61 steps. Not thread-safe.
class retry_budget {
public:
  explicit retry_budget(retry_budget_settings settings = {})
    : settings_{settings} {}

  void first_attempt(mono_time now) noexcept;
  /// `now`: the retry goes, and is charged. Later: when to ask again; it has no
  /// claim to be granted then, so that who waits longest should ask first.
  /// Only charged retries ask (retry_policy).
  mono_time ask(mono_time now) noexcept;
  /// Retries that would be granted now.
  uint64_t left(mono_time now) const noexcept;

  static constexpr duration window = std::chrono::minutes{1};

private:
  struct second_count {
    int64_t second = -1;
    uint64_t firsts = 0;
    uint64_t retries = 0;
  };
  static constexpr int64_t window_s = 60;
  static constexpr size_t slots = window_s + 1;

  int64_t second_of(mono_time now) const noexcept;
  second_count& at(int64_t second) noexcept;
  uint64_t left_in(int64_t second) const noexcept;

  retry_budget_settings settings_;
  std::array<second_count, slots> ring_{};
  int64_t newest_ = 0;
};

} // namespace troupe::runtime
