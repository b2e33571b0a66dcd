// How good predictions were: over the last 1,000 attempts, whether those that
// were predicted to be longer were. Kendall's tau-b, so that equal predictions
// neither help nor hurt.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace troupe::runtime {

class calibration {
public:
  static constexpr size_t samples_max = 1'000;

  /// Seconds, > 0; others are ignored.
  void add(double predicted, double real);
  size_t samples() const noexcept { return pairs_.size(); }
  /// In [-1, 1]; nothing below 2 samples, or while all predictions (or all
  /// times) are equal. O(n^2).
  std::optional<double> tau() const;

private:
  std::vector<std::pair<double, double>> pairs_; ///< A ring once full.
  size_t next_ = 0;
};

} // namespace troupe::runtime
