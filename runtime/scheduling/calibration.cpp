#include "runtime/scheduling/calibration.hpp"

#include <cmath>

namespace troupe::runtime {
namespace {

int order(double a, double b) noexcept {
  return a < b ? -1 : a > b ? 1 : 0;
}

} // namespace

void calibration::add(double predicted, double real) {
  if (!(std::isfinite(predicted) && std::isfinite(real)) || predicted <= 0
      || real <= 0)
    return;
  if (pairs_.size() < samples_max) {
    pairs_.emplace_back(predicted, real);
    return;
  }
  pairs_[next_] = {predicted, real};
  next_ = (next_ + 1) % samples_max;
}

std::optional<double> calibration::tau() const {
  double agreement = 0;
  double by_prediction = 0; // Pairs that differ in it.
  double by_time = 0;
  for (size_t i = 0; i < pairs_.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      auto p = order(pairs_[i].first, pairs_[j].first);
      auto t = order(pairs_[i].second, pairs_[j].second);
      agreement += p * t;
      by_prediction += p * p;
      by_time += t * t;
    }
  if (by_prediction == 0 || by_time == 0)
    return std::nullopt;
  return agreement / std::sqrt(by_prediction * by_time);
}

} // namespace troupe::runtime
