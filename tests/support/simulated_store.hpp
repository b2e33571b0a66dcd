// The store of the simulation: memory, with the faults that a disk has. Nothing
// here is random; the simulation's seed decides what `commit_fault` says.
#pragma once

#include "runtime/storage/memory_store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace troupe::tests {

enum class commit_fault : uint8_t {
  none,
  error_lost,    ///< Fails; nothing of it is there after a restart.
  error_applied, ///< Fails; all of it is there after a restart.
  full           ///< Fails with `disk_full`; nothing of it is there.
};

/// Like production, it takes nothing more after a failed commit (fail-stop).
/// While it is failed readers see what was acknowledged, no more.
class simulated_store final : public runtime::memory_store {
public:
  simulated_store() = default;
  explicit simulated_store(runtime::memory_contents contents)
    : memory_store{std::move(contents)} {}

  /// Asked before each commit with its number, from 0.
  std::function<commit_fault(uint64_t)> on_commit;
  uint64_t free_bytes = ~uint64_t{0};

  std::vector<runtime::result<runtime::commit_stamp>>
  commit(std::span<const runtime::shard_batch> batches) override;
  runtime::result<uint64_t> acquire(runtime::shard_id shard,
                                    const std::string& node) override;
  runtime::store_health health() const override;

  bool failed() const noexcept { return broken_.has_value(); }
  uint64_t commits() const noexcept { return commits_; }

  /// The process dies now, whatever it was doing, and starts again: a new store
  /// on what the disk holds, without faults.
  std::unique_ptr<simulated_store> restarted() const;

private:
  uint64_t commits_ = 0;
  std::optional<runtime::failure> broken_;
  /// What the disk holds when that is not what readers see.
  std::optional<runtime::memory_contents> on_disk_;
};

} // namespace troupe::tests
