// Puts a page of events together from stored chunks and notices a hole: the
// same for every store.
#pragma once

#include "runtime/job.hpp"
#include "runtime/result.hpp"

#include <string_view>
#include <vector>

namespace troupe::runtime {

/// Feed it the chunk that holds `from_seq` (or the last one before it), then
/// the following ones, in order.
class event_page {
public:
  event_page(uint64_t from_seq, size_t limit) noexcept
    : next_{from_seq}, limit_{limit} {}

  bool full() const noexcept { return events_.size() >= limit_; }
  /// `corruption` when the bytes are bad or leave a hole.
  result<void> add(uint64_t first_seq, std::string_view chunk);
  std::vector<event> take() && { return std::move(events_); }

private:
  uint64_t next_;
  size_t limit_;
  std::vector<event> events_;
};

} // namespace troupe::runtime
