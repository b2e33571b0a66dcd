// Inputs that crashed an engine twice on their own, so that the same input sent
// again does not: refused for a time. Bounded; a value, owned by the node's
// board. Stored by the shard of the job that crashed, under its name:
//
//     name   "poison/" | digest 32
//     value  version 1 | until, microseconds since 1970, big-endian 8 |
//            job id 16
#pragma once

#include "runtime/job.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace troupe::runtime {

struct poison_entry {
  wall_time until{};
  job_id job; ///< Whose crashes taught it.
  friend bool operator==(const poison_entry&, const poison_entry&) = default;
};

/// SHA-256 over model, task and input; 32 bytes. How the answer is made
/// (`params`) is no part of it.
std::string poison_digest(const std::string& model, const job_spec& spec);

std::string poison_name(std::string_view digest);
/// Nothing: the value is something else.
std::optional<std::string> digest_of_poison(std::string_view name);
std::string encode(const poison_entry& x);
/// Nothing: damaged, or of a version that this build does not know.
std::optional<poison_entry> decode_poison(std::string_view bytes);

class poison_list {
public:
  static constexpr size_t entries_max = 10'000;

  explicit poison_list(size_t most = entries_max) : most_{most} {}

  /// Keeps the later end of the two if it is known. Beyond the bound those that
  /// end first go.
  void add(const std::string& digest, const poison_entry& x);
  /// Nothing when it is not on the list, or no more.
  std::optional<poison_entry> find(const std::string& digest,
                                   wall_time now) const;
  /// Forgets what has ended.
  void expire(wall_time now);
  size_t size() const noexcept { return by_digest_.size(); }

private:
  using order = std::multimap<wall_time, std::string>;
  void drop(order::iterator at);

  size_t most_;
  order by_end_;
  std::unordered_map<std::string, std::pair<poison_entry, order::iterator>>
    by_digest_;
};

} // namespace troupe::runtime
