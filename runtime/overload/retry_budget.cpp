#include "runtime/overload/retry_budget.hpp"

#include <algorithm>

namespace troupe::runtime {

// Time does not go back; if it does it stands.
int64_t retry_budget::second_of(mono_time now) const noexcept {
  auto second = std::chrono::floor<std::chrono::seconds>(now);
  return std::max<int64_t>(second.time_since_epoch().count(), newest_);
}

retry_budget::second_count& retry_budget::at(int64_t second) noexcept {
  newest_ = second;
  auto& slot = ring_[static_cast<size_t>(second) % slots];
  if (slot.second != second)
    slot = {.second = second};
  return slot;
}

void retry_budget::first_attempt(mono_time now) noexcept {
  ++at(second_of(now)).firsts;
}

uint64_t retry_budget::left_in(int64_t second) const noexcept {
  uint64_t firsts = 0;
  uint64_t retries = 0;
  for (const auto& s : ring_) {
    if (s.second > second - window_s)
      firsts += s.firsts;
    if (s.second >= second - window_s)
      retries += s.retries;
  }
  auto share = settings_.share * static_cast<double>(firsts);
  auto budget =
    std::max<uint64_t>(static_cast<uint64_t>(share), settings_.retries_min);
  return budget - std::min(budget, retries);
}

uint64_t retry_budget::left(mono_time now) const noexcept {
  return left_in(second_of(now));
}

mono_time retry_budget::ask(mono_time now) noexcept {
  auto second = second_of(now);
  if (left_in(second) > 0) {
    ++at(second).retries;
    return now;
  }
  // First attempts leave the minute as well, but retries_min remains.
  auto last = second + window_s + 1;
  while (second < last && left_in(second) == 0)
    ++second;
  return mono_time{std::chrono::seconds{second}};
}

} // namespace troupe::runtime
