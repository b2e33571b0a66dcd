// What the store keeps of one tenant: what is left of its budget and what an
// operator allowed it for a while. Written with its home shard's commits.
// Values only; `tenant_account` makes and reads them.
#pragma once

#include "runtime/clock.hpp"

#include <cstdint>
#include <optional>

namespace troupe::runtime {

/// Replaces the configured budget until it lapses.
struct budget_override {
  double cost_per_minute = 0; ///< > 0, up to 1e9.
  double burst = 0;           ///< Likewise.
  wall_time until{};
  friend bool operator==(const budget_override&,
                         const budget_override&) = default;
};

struct tenant_record {
  /// Of the bucket, in millionths; negative when it is overdrawn. What jobs
  /// with a serial of at least `counted_below` hold is still in it.
  int64_t level_micro_cost = 0;
  wall_time at{};
  uint64_t counted_below = 1;
  std::optional<budget_override> override_now;
  friend bool operator==(const tenant_record&, const tenant_record&) = default;
};

} // namespace troupe::runtime
