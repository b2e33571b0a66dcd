// Jobs that no crash of the process need survive: a store in memory that forgets
// what has ended after a while. Epochs are the disk store's.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/storage/memory_store.hpp"

#include <deque>
#include <utility>

namespace troupe::runtime {

class ephemeral_store final : public memory_store {
public:
  /// How long an ended job can still be read (api.md section 6).
  static constexpr duration kept{std::chrono::seconds{60}};

  /// `clock` outlives the store.
  explicit ephemeral_store(const clock& clock) : clock_{clock} {}

  /// And forgets what ended `kept` ago.
  std::vector<result<commit_stamp>>
  commit(std::span<const shard_batch> batches) override;

private:
  const clock& clock_;
  std::deque<std::pair<mono_time, job_id>> ended_; ///< Oldest first.
};

} // namespace troupe::runtime
