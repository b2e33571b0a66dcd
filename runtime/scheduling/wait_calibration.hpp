// How real waits compare with what was estimated at admission: the newest 1,000
// ratios, and their 90th percentile.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

namespace troupe::runtime {

class wait_calibration {
public:
  static constexpr size_t samples_max = 1'000;
  static constexpr size_t samples_min = 20; ///< Fewer say nothing.
  /// Shorter estimates are noise.
  static constexpr double estimate_s_min = 0.05;

  /// Real over estimated; other than finite and >= 0: ignored.
  void observe(double ratio) noexcept;
  std::optional<double> p90() const;
  size_t size() const noexcept { return size_; }

private:
  std::array<float, samples_max> ratios_{};
  size_t size_ = 0;
  size_t next_ = 0;
};

} // namespace troupe::runtime
