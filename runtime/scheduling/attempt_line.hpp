// Attempts that wait at a worker for one of its slots: smallest key first, ties
// by attempt. What they are is the owner's affair.
#pragma once

#include "runtime/ids.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace troupe::runtime {

/// Bounded by its owner. Each call but `take_late`, `clear` and `ids` is O(log n).
template <class Value>
class attempt_line {
public:
  /// `start_by`: from then on it is too late to start; zero: never. Replaces an
  /// entry of the same attempt.
  void push(int64_t key, attempt_id id, mono_time start_by, Value value) {
    take(id);
    keys_.emplace(id, key);
    if (start_by == mono_time{})
      start_by = mono_time::max();
    soonest_ = std::min(soonest_, start_by);
    line_.emplace(place{key, id}, entry{start_by, std::move(value)});
  }

  std::optional<Value> pop() {
    if (line_.empty())
      return std::nullopt;
    return take(line_.begin()->first.second);
  }

  std::optional<Value> take(attempt_id id) {
    auto key = keys_.find(id);
    if (key == keys_.end())
      return std::nullopt;
    auto node = line_.extract(place{key->second, id});
    keys_.erase(key);
    if (line_.empty())
      soonest_ = mono_time::max();
    return std::move(node.mapped().value);
  }

  /// Those whose time to start has passed, in order.
  std::vector<Value> take_late(mono_time now) {
    std::vector<Value> late;
    if (soonest_ > now)
      return late;
    soonest_ = mono_time::max();
    for (auto it = line_.begin(); it != line_.end();) {
      if (it->second.start_by > now) {
        soonest_ = std::min(soonest_, it->second.start_by);
        ++it;
        continue;
      }
      late.push_back(std::move(it->second.value));
      keys_.erase(it->first.second);
      it = line_.erase(it);
    }
    return late;
  }

  /// All, in order; none are left.
  std::vector<Value> clear() {
    std::vector<Value> all;
    while (auto x = pop())
      all.push_back(std::move(*x));
    return all;
  }

  /// When `take_late` may find one, or earlier.
  std::optional<mono_time> next_limit() const {
    if (soonest_ == mono_time::max())
      return std::nullopt;
    return soonest_;
  }
  /// In order.
  std::vector<attempt_id> ids() const {
    std::vector<attempt_id> all;
    for (const auto& [where, x] : line_)
      all.push_back(where.second);
    return all;
  }
  bool empty() const noexcept { return line_.empty(); }
  size_t size() const noexcept { return line_.size(); }

private:
  using place = std::pair<int64_t, attempt_id>;
  struct entry {
    mono_time start_by;
    Value value;
  };
  std::map<place, entry> line_;
  std::unordered_map<attempt_id, int64_t> keys_;
  mono_time soonest_ = mono_time::max(); ///< Of `start_by`, or earlier.
};

} // namespace troupe::runtime
