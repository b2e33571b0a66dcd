// What waits for a model as a curve over the queue's order: how many jobs, and
// how much work, have a key below K. Small enough to be sent each second: shards
// report theirs, the dispatcher adds them up and publishes the sum.
#pragma once

#include "runtime/scheduling/key_histogram.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe::runtime {

class backlog_curve {
public:
  static constexpr size_t points_max = 64;

  struct totals {
    double jobs = 0;
    double work_s = 0; ///< Seconds of one slot.
  };

  /// Of nothing.
  backlog_curve() = default;
  /// At most `points_max` steps of about equal work.
  explicit backlog_curve(const key_histogram& waiting);

  /// Straight lines between the points. Exact at and beyond the ends.
  totals below(int64_t key) const noexcept;
  totals all() const noexcept {
    return points_.empty() ? totals{} : points_.back().sum;
  }
  /// What waits there counts here, too.
  void add(const backlog_curve& other);
  bool empty() const noexcept { return points_.empty(); }
  size_t size() const noexcept { return points_.size(); }

private:
  struct point {
    int64_t key = 0;
    totals sum; ///< Below this key.
  };
  void thin();

  /// Keys ascending, sums never falling; the first sum is zero.
  std::vector<point> points_;
};

} // namespace troupe::runtime
