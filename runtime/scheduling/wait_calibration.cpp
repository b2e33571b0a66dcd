#include "runtime/scheduling/wait_calibration.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace troupe::runtime {

void wait_calibration::observe(double ratio) noexcept {
  if (!std::isfinite(ratio) || ratio < 0)
    return;
  ratios_[next_] = static_cast<float>(std::min(ratio, 1e6));
  next_ = (next_ + 1) % samples_max;
  size_ = std::min(size_ + 1, samples_max);
}

std::optional<double> wait_calibration::p90() const {
  if (size_ < samples_min)
    return std::nullopt;
  std::vector<float> sorted(ratios_.begin(),
                            ratios_.begin() + static_cast<ptrdiff_t>(size_));
  auto at = sorted.begin() + static_cast<ptrdiff_t>(size_ * 9 / 10);
  std::nth_element(sorted.begin(), at, sorted.end());
  return *at;
}

} // namespace troupe::runtime
