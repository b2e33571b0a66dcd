// A memory store with a plug: at a chosen commit the power goes, before or after
// the batch reached the disk, and from then on nothing works. What was durable
// is still there for the next store.
#pragma once

#include "runtime/storage/memory_store.hpp"

#include <cstdint>
#include <optional>

namespace troupe::tests {

class powered_store final : public runtime::memory_store {
public:
  using memory_store::memory_store;

  /// The n-th commit from now (0 = the next) fails. `applied`: it reached the
  /// disk all the same; nobody was told.
  void cut_at(uint64_t n, bool applied) {
    cut_in_ = n;
    applied_ = applied;
  }
  void cut_now() { off_ = true; }
  bool off() const { return off_; }
  uint64_t commits() const { return commits_; }

  runtime::result<uint64_t> acquire(runtime::shard_id shard,
                                    const std::string& node) override;
  std::vector<runtime::result<runtime::commit_stamp>>
  commit(std::span<const runtime::shard_batch> batches) override;

private:
  std::optional<uint64_t> cut_in_;
  bool applied_ = false;
  bool off_ = false;
  uint64_t commits_ = 0;
};

} // namespace troupe::tests
