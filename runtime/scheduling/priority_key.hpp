// The order of the queue, as one number per job: smallest first, fixed at
// enqueue, never ages. For now (tier, arrival): a higher tier always goes first,
// then the earlier arrival. Whoever sorts by it need not know.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/job.hpp"

#include <cstdint>

namespace troupe::runtime {

/// Tiers lie this far apart: 2^54 us, the range of time in a job id (571 years).
constexpr int64_t tier_stride_us = int64_t{1} << 54;

struct order_inputs {
  service_tier tier = service_tier::standard;
  wall_time arrival{}; ///< Clamped to 1970 .. 1970 + 2^54 us.
};

/// K = arrival - rank(tier) * tier_stride_us; ties are broken by job id. Total.
int64_t order_key(const order_inputs& job) noexcept;

} // namespace troupe::runtime
