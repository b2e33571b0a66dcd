#include "runtime/scheduling/scale_signal.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::runtime {
namespace {

double at_least_0(double x) noexcept {
  return std::isnan(x) ? 0 : std::max(x, 0.0);
}

// Of no work, nothing; of work by a share that makes no sense, endless.
double share(double work, double divisor) noexcept {
  if (work == 0)
    return 0;
  return divisor > 0 ? work / divisor : HUGE_VAL;
}

} // namespace

uint32_t scale_desired_workers(const scale_inputs& load,
                               const scale_limits& limits) noexcept {
  double speed =
    share(at_least_0(load.arriving_work_per_s), limits.target_utilization)
    + share(at_least_0(load.backlog_work_s), limits.drain_target_s);
  double workers = std::ceil(share(speed, load.worker_speed));
  // NaN: endless work over endless speed.
  return workers < limits.workers_max ? static_cast<uint32_t>(workers)
                                      : limits.workers_max;
}

} // namespace troupe::runtime
