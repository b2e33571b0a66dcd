// The store in memory: the reference for what every store must do, for tests,
// for the simulation and for nodes that need not remember. Nothing survives the
// process.
#pragma once

#include "runtime/storage/store.hpp"

#include <map>
#include <mutex>
#include <set>

namespace troupe::runtime {

/// Everything that is durable, as a value: copy it to restart from it.
struct memory_contents {
  struct shard_state {
    uint64_t epoch = 0;
    uint64_t last_seq = 0;
    std::string owner; ///< Empty: released.
    std::set<job_id> live;
    std::map<std::string, std::string> idempotency;
    std::map<std::string, std::string> values;
    std::map<std::string, std::string> budgets; ///< By tenant.
    friend bool operator==(const shard_state&, const shard_state&) = default;
  };
  std::map<shard_id, shard_state> shards;
  std::map<job_id, std::string> specs;
  std::map<job_id, std::string> records;
  std::map<job_id, std::string> outputs;
  std::map<job_id, std::string> runs;
  /// By first sequence number of the chunk.
  std::map<job_id, std::map<uint64_t, std::string>> events;
  friend bool operator==(const memory_contents&,
                         const memory_contents&) = default;
};

class memory_store : public store {
public:
  memory_store() = default;
  /// A restart: continues from what was durable.
  explicit memory_store(memory_contents contents);

  result<uint64_t> acquire(shard_id shard, const std::string& node) override;
  result<void> renew(shard_id shard, uint64_t epoch) override;
  result<void> release(shard_id shard, uint64_t epoch) override;
  result<shard_summary> load(shard_id shard,
                             const load_visitor& visitor) override;
  std::vector<result<commit_stamp>>
  commit(std::span<const shard_batch> batches) override;
  store_health health() const override;

  result<job_record> record(job_id id) const override;
  result<job_spec> spec(job_id id) const override;
  result<job_output> output(job_id id) const override;
  result<std::vector<event>> events(job_id id, uint64_t from_seq,
                                    size_t limit) const override;
  result<job_page> list(const job_query& query) const override;
  result<std::vector<replay_run>> runs() const override;

  memory_contents contents() const;
  bool contains(job_id id) const;
  /// Takes the shard at an epoch that another store gave; it only grows.
  void adopt(shard_id shard, const std::string& node, uint64_t epoch);

protected:
  /// All of the job; it must not be live.
  void forget(job_id id);

private:
  result<job_spec> stored_spec(job_id id) const; ///< With `mutex_` held.

  mutable std::mutex mutex_;
  memory_contents contents_;
};

} // namespace troupe::runtime
