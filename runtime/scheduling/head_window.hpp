// What a shard tells a model's dispatcher about its queues, and when: a bounded
// number of announcements is under way at a time; what changes meanwhile is told
// once per queue, as it is by then. Knows queues by name only.
//
//   changed --> dirty --take--> under way --acknowledged--> told
//                 ^  (while fewer than `window` are)  |
//                 +------------- changed again -------+
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace troupe::runtime {

/// Of one (shard, model). Announcements are numbered from 1 in each feed.
class head_window {
public:
  /// `window` >= 1: announcements that nobody acknowledged yet.
  explicit head_window(size_t window) : window_{window < 1 ? 1 : window} {}

  /// A new dispatcher, or one that lost count: nothing is under way. What it is
  /// told first is number 0 and needs no word from it.
  void restart() noexcept {
    sent_ = acknowledged_ = 0;
    dirty_.clear();
  }
  void changed(std::string queue) { dirty_.insert(std::move(queue)); }
  /// It was told in another way, as it is now.
  void told(const std::string& queue) { dirty_.erase(queue); }

  struct announcement {
    uint64_t number = 0;
    std::vector<std::string> queues;
  };
  /// What may be told now, at most `queues_max` in one; nothing while the window
  /// is full or all is told.
  std::optional<announcement> take() {
    if (dirty_.empty() || in_flight() >= window_)
      return std::nullopt;
    announcement x{.number = ++sent_, .queues = {}};
    while (!dirty_.empty() && x.queues.size() < queues_max)
      x.queues.push_back(std::move(dirty_.extract(dirty_.begin()).value()));
    return x;
  }
  static constexpr size_t queues_max = 256;

  /// All up to `number` arrived. Older and unknown numbers change nothing.
  void acknowledged(uint64_t number) noexcept {
    if (number <= sent_ && number > acknowledged_)
      acknowledged_ = number;
  }

  size_t in_flight() const noexcept { return sent_ - acknowledged_; }
  /// Nothing is under way or to be told.
  bool quiet() const noexcept { return dirty_.empty() && in_flight() == 0; }

private:
  size_t window_;
  uint64_t sent_ = 0;
  uint64_t acknowledged_ = 0;
  std::set<std::string> dirty_;
};

} // namespace troupe::runtime
