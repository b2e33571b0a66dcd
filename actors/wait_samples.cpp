#include "actors/wait_samples.hpp"

#include "runtime/scheduling/wait_calibration.hpp"

#include <utility>

namespace troupe::actors {

void wait_samples::note(const std::string& model, const runtime::leased& lease,
                        runtime::wall_time now) {
  auto& ratios = ratios_[model];
  if (lease.id.attempt != 1 || ratios.size() >= samples_max
      || lease.expected_wait_s < runtime::wait_calibration::estimate_s_min)
    return;
  auto real = now - lease.record.created_at;
  ratios.push_back(
    static_cast<float>(std::chrono::duration<double>(real).count())
    / lease.expected_wait_s);
}

std::vector<float> wait_samples::take(const std::string& model) {
  return std::exchange(ratios_[model], {});
}

} // namespace troupe::actors
