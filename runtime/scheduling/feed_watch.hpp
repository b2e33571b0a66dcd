// A dispatcher's side of its feeds: which announcements arrived, what there is to
// acknowledge, and which shards must be asked to begin anew, because one was lost
// or nothing was heard for too long.
#pragma once

#include "runtime/ids.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

namespace troupe::runtime {

/// Not thread-safe.
class feed_watch {
public:
  /// `timeout`: a shard that is silent longer is taken for dead. > 0.
  explicit feed_watch(duration timeout) : timeout_{timeout} {}

  enum class verdict : uint8_t {
    use = 1, ///< In order: take it.
    ignore,  ///< Of a feed that ended, or told before.
    reopen   ///< One before it was lost: ask for a new feed.
  };
  /// An announcement. `first`: of a new feed, number 0.
  verdict announced(shard_id shard, bool first, uint64_t number,
                    mono_time now) {
    auto& f = feeds_[shard];
    f.heard = now;
    if (first) {
      f = {.number = 0, .acknowledged = 0, .heard = now, .open = true};
      return verdict::use;
    }
    if (!f.open || number <= f.number)
      return verdict::ignore;
    if (number != f.number + 1) {
      f.open = false;
      return verdict::reopen;
    }
    f.number = number;
    return verdict::use;
  }
  /// Anything else that the shard says.
  void heard(shard_id shard, mono_time now) { feeds_[shard].heard = now; }

  struct ack {
    shard_id shard;
    uint64_t number = 0;
  };
  /// The newest announcement of each feed that was not acknowledged yet; with
  /// `all` of every open feed.
  std::vector<ack> take_acks(bool all = false) {
    std::vector<ack> acks;
    for (auto& [shard, f] : feeds_)
      if (f.open && (all || f.acknowledged != f.number)) {
        f.acknowledged = f.number;
        acks.push_back({shard, f.number});
      }
    return acks;
  }

  /// Open feeds that were silent for too long: closed here; their heads are to be
  /// forgotten. `now`: time, while shards are asked for a word at least each
  /// second.
  std::vector<shard_id> take_silent(mono_time now) {
    std::vector<shard_id> silent;
    for (auto& [shard, f] : feeds_)
      if (f.open && now - f.heard > timeout_) {
        f.open = false;
        silent.push_back(shard);
      }
    return silent;
  }
  /// Nobody was asked for a word meanwhile: silence before `now` says nothing.
  void excuse(mono_time now) {
    for (auto& [shard, f] : feeds_)
      f.heard = std::max(f.heard, now);
  }
  /// Of a shard whose feed is closed, although it was heard: ask it for a new one.
  bool is_open(shard_id shard) const {
    auto it = feeds_.find(shard);
    return it != feeds_.end() && it->second.open;
  }

private:
  struct feed {
    uint64_t number = 0; ///< Of the last announcement.
    uint64_t acknowledged = 0;
    mono_time heard{};
    bool open = false;
  };
  duration timeout_;
  std::map<shard_id, feed> feeds_;
};

} // namespace troupe::runtime
