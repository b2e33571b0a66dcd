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
  static size_t digit(uint64_t bits, unsigned level) noexcept;
  uint32_t make_node();

  std::vector<node> nodes_{1}; ///< [0] is the root and never a child.
  std::vector<uint32_t> free_;
  totals all_;
};

} // namespace troupe::runtime
