// When a running attempt will end, from what it made so far: asked as its text
// grows, for jobs that go elsewhere rather than end too late.
#pragma once

#include "runtime/clock.hpp"

#include <cstdint>
#include <optional>

namespace troupe::runtime {

/// What is still to come of an attempt.
struct attempt_rest {
  double tokens = 0;  ///< Finite, >= 0.
  double seconds = 0; ///< At its rate so far; finite, >= 0.
};

class finish_forecast {
public:
  /// Between two answers; also what must have passed since the first tokens.
  static constexpr duration interval = std::chrono::milliseconds{500};
  /// Fewer tokens say nothing about their rate.
  static constexpr uint32_t tokens_min = 4;

  /// A new attempt. `p50`: predicted output tokens of the whole job, `most`: its
  /// limit; 0: unknown.
  void begin(uint32_t p50, uint32_t most) noexcept;
  /// The job made `produced` tokens by `now`, those of earlier attempts counted.
  /// At most once per interval.
  std::optional<attempt_rest> made(uint32_t produced, wall_time now) noexcept;

private:
  double expected_tokens(uint32_t produced) const noexcept;

  uint32_t p50_ = 0;
  uint32_t most_ = 0;
  std::optional<wall_time> first_at_;
  uint32_t first_ = 0;
  wall_time asked_at_{};
};

} // namespace troupe::runtime
