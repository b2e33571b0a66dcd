// How many jobs, and how much work, have a smaller key: a sparse counting trie
// over the whole range of int64 keys, exact to a bucket of 2^22 us (4.2 s). It
// stands in for a ring of buckets because keys of several tiers and deferred
// jobs lie far apart.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe::runtime {

class key_histogram {
public:
  struct totals {
    uint64_t jobs = 0;
    int64_t work_us = 0;
  };

  /// `work_us` >= 0. O(1): seven levels.
  void add(int64_t key, int64_t work_us);
  /// Takes back one `add` of the same key and work.
  void remove(int64_t key, int64_t work_us);

  /// Everything in the buckets before `key`'s, and the share of its own bucket
  /// that lies before `key` if jobs are spread evenly in it.
  totals below(int64_t key) const noexcept;
  totals all() const noexcept { return all_; }
  /// Buckets that hold something, in order: visit(from, to, totals) for the keys
  /// in [from, to). O(buckets).
  template <class Visit>
  void each_bucket(Visit visit) const {
    walk(0, 0, 0, visit);
  }
  size_t memory_bytes() const noexcept;

private:
  static constexpr unsigned bucket_bits = 22;
  static constexpr unsigned level_bits = 6;
  static constexpr unsigned levels = 7; // 7 * 6 + 22 = 64
  static constexpr size_t fan_out = size_t{1} << level_bits;

  struct cell {
    uint32_t child = 0; ///< Index of a node; 0 = none (leaves: unused).
    uint32_t jobs = 0;
    int64_t work_us = 0;
  };
  struct node {
    std::array<cell, fan_out> cells{};
  };

  static uint64_t ordered(int64_t key) noexcept;
  static int64_t unordered(uint64_t bits) noexcept;
  static size_t digit(uint64_t bits, unsigned level) noexcept;
  uint32_t make_node();
  template <class Visit>
  void walk(uint32_t at, uint64_t prefix, unsigned level, Visit& visit) const {
    for (size_t i = 0; i < fan_out; ++i) {
      const auto& c = nodes_[at].cells[i];
      if (c.jobs == 0)
        continue;
      auto bits = prefix | uint64_t{i} << (64 - level_bits * (level + 1));
      if (level + 1 < levels) {
        walk(c.child, bits, level + 1, visit);
        continue;
      }
      constexpr auto width = uint64_t{1} << bucket_bits;
      auto to = bits + width == 0 ? ~uint64_t{0} : bits + width;
      visit(unordered(bits), unordered(to), totals{c.jobs, c.work_us});
    }
  }

  std::vector<node> nodes_{1}; ///< [0] is the root and never a child.
  std::vector<uint32_t> free_;
  totals all_;
};

} // namespace troupe::runtime
