// The order of the queue, as one number per job: smallest first, fixed at
// enqueue, never ages. A job's base is its arrival, or what its deadline makes of
// it; a boost moves it forward if it is short or of a high tier, backward if it is
// long or of a low one, within a limit that bounds every wait.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/scheduling/boost_terms.hpp"

#include <cstdint>
#include <optional>

namespace troupe::runtime {

struct key_inputs {
  wall_time arrival{};
  double weight = 1;  ///< Of the tier; > 0.
  double log_mgf = 0; ///< ln E[e^(gamma S)] of the predicted size; >= 0.
  /// The earlier of the limits to start and to end.
  std::optional<wall_time> deadline;
  /// A job whose deadline is nearer than this counts as older than it is ...
  duration slo{0};
  /// ... and one whose deadline is farther as younger, by at most this.
  duration deferral_max{0};
};

struct priority_key {
  int64_t key = 0;      ///< K = base - boost, microseconds.
  int64_t base = 0;     ///< Microseconds since 1970.
  int64_t boost = 0;    ///< Microseconds; within the terms' limit.
  bool clamped = false; ///< The limit cut the boost.
};

/// Total: a size that is not a number counts as average, one of 0 as the
/// shortest, a weight that is not positive as 1.
priority_key make_priority_key(const key_inputs& job,
                               const key_terms& terms) noexcept;

} // namespace troupe::runtime
