// Counts durations in buckets whose width grows with the value, as HdrHistogram
// does: 128 linear steps per power of two, so that a quantile is within 0.8 %.
#pragma once

#include "tests/bench/stopwatch.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace troupe::bench {

class histogram {
public:
  /// Negative durations count as zero.
  void add(nanos d) noexcept {
    const auto value = static_cast<uint64_t>(std::max<int64_t>(d.count(), 0));
    ++counts_[std::min(bucket(value), counts_.size() - 1)];
    ++total_;
    largest_ = std::max(largest_, value);
  }

  void merge(const histogram& other) noexcept {
    for (size_t i = 0; i < counts_.size(); ++i)
      counts_[i] += other.counts_[i];
    total_ += other.total_;
    largest_ = std::max(largest_, other.largest_);
  }

  uint64_t count() const noexcept { return total_; }
  nanos max() const noexcept { return nanos{static_cast<int64_t>(largest_)}; }

  /// `q` in 0..1. Zero when empty; the upper end of the bucket otherwise.
  nanos quantile(double q) const noexcept {
    if (total_ == 0)
      return nanos{0};
    const auto exact = q * static_cast<double>(total_);
    auto rank = static_cast<uint64_t>(exact);
    if (static_cast<double>(rank) < exact || rank == 0)
      ++rank;
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= rank)
        return nanos{static_cast<int64_t>(std::min(upper(i), largest_))};
    }
    return max();
  }

private:
  static constexpr unsigned step_bits = 7;
  static constexpr uint64_t steps = uint64_t{1} << step_bits;

  // Values below 2 * steps have a bucket each; above, the top step_bits + 1
  // bits choose it.
  static size_t bucket(uint64_t value) noexcept {
    if (value < 2 * steps)
      return value;
    const auto shift =
      static_cast<unsigned>(std::bit_width(value)) - step_bits - 1;
    return shift * steps + (value >> shift);
  }
  static uint64_t upper(size_t index) noexcept {
    if (index < 2 * steps)
      return index;
    const auto shift = index / steps - 1;
    return ((index - shift * steps + 1) << shift) - 1;
  }

  // 2^40 ns = 18 minutes: longer ones share the last bucket.
  std::array<uint64_t, (40 - step_bits + 1) * steps> counts_{};
  uint64_t total_ = 0;
  uint64_t largest_ = 0;
};

} // namespace troupe::bench
