#include "runtime/scheduling/priority_key.hpp"

#include <algorithm>

namespace troupe::runtime {

int64_t order_key(const order_inputs& job) noexcept {
  auto rank = static_cast<int64_t>(job.tier)
              - static_cast<int64_t>(service_tier::flex);
  auto arrival
    = std::clamp<int64_t>(to_us(job.arrival), 0, tier_stride_us - 1);
  return arrival - rank * tier_stride_us;
}

} // namespace troupe::runtime
