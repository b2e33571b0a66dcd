// What a node remembers: the store that survives, and beside it one in memory for
// ephemeral jobs. Reads see both; each has a writer of its own, so that an
// ephemeral job never waits for a disk.
//
//   journal ------------> disk ----+
//                                  +-> tiered_store -> readers, shards that load
//   journal/ephemeral --> memory --+
#pragma once

#include "runtime/storage/ephemeral_store.hpp"

namespace troupe::runtime {

class tiered_store final : public store {
public:
  /// Both outlive it.
  tiered_store(store& disk, const clock& clock) : disk_{disk}, quick_{clock} {}

  /// For the writer of ephemeral jobs.
  ephemeral_store& ephemeral() noexcept { return quick_; }

  // The disk's; the ephemeral jobs of the shard come along.
  result<uint64_t> acquire(shard_id shard, const std::string& node) override;
  result<void> renew(shard_id shard, uint64_t epoch) override {
    return disk_.renew(shard, epoch);
  }
  result<void> release(shard_id shard, uint64_t epoch) override {
    return disk_.release(shard, epoch);
  }
  result<shard_summary> load(shard_id shard,
                             const load_visitor& visitor) override;
  std::vector<result<commit_stamp>>
  commit(std::span<const shard_batch> batches) override {
    return disk_.commit(batches);
  }
  store_health health() const override { return disk_.health(); }

  result<job_record> record(job_id id) const override;
  result<job_spec> spec(job_id id) const override;
  result<job_output> output(job_id id) const override;
  result<std::vector<event>> events(job_id id, uint64_t from_seq,
                                    size_t limit) const override;
  /// Ephemeral jobs are listed only while they are live.
  result<job_page> list(const job_query& query) const override;
  result<std::vector<replay_run>> runs() const override { return disk_.runs(); }

private:
  store& disk_;
  ephemeral_store quick_;
};

} // namespace troupe::runtime
