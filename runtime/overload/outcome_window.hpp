// How the last calls to a target went: a ring of the newest `size` calls with
// running counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe::runtime {

struct call_mark {
  bool failed = false;
  bool slow = false; ///< Its first token came late.
};

class outcome_window {
public:
  /// `size` >= 1; 0 counts as 1.
  explicit outcome_window(size_t size) : size_{size == 0 ? 1 : size} {
    marks_.reserve(size_);
  }

  void add(call_mark mark) {
    if (marks_.size() < size_) {
      marks_.push_back(mark);
    } else {
      count(marks_[oldest_], -1);
      marks_[oldest_] = mark;
      oldest_ = (oldest_ + 1) % size_;
    }
    count(mark, +1);
  }

  void clear() noexcept {
    marks_.clear();
    oldest_ = 0;
    failed_ = 0;
    slow_ = 0;
  }

  uint32_t calls() const noexcept {
    return static_cast<uint32_t>(marks_.size());
  }
  uint32_t failed() const noexcept { return failed_; }
  uint32_t slow() const noexcept { return slow_; }

private:
  void count(call_mark mark, int by) noexcept {
    failed_ += static_cast<uint32_t>(mark.failed ? by : 0);
    slow_ += static_cast<uint32_t>(mark.slow ? by : 0);
  }

  size_t size_;
  std::vector<call_mark> marks_;
  size_t oldest_ = 0; ///< Once the ring is full.
  uint32_t failed_ = 0;
  uint32_t slow_ = 0;
};

} // namespace troupe::runtime
