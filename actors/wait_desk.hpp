// Why the jobs of one shard wait: keeps the clocks, and finds each queue's
// reason from what its model's dispatcher and the node's board said last. The
// shard's own; no actor. Starts at zero when the shard does.
#pragma once

#include "actors/actor_env.hpp"
#include "runtime/scheduling/wait_clocks.hpp"
#include "runtime/shard_ledger.hpp"

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace troupe::actors {

/// Who leases the job.
struct lease_notice {
  uint64_t generation = 0; ///< Of the dispatcher; 0: nobody.
  runtime::gate_reading gate;
};

class wait_desk {
public:
  explicit wait_desk(actor_env& env) : env_{env} {}
  /// Its jobs are no longer counted.
  ~wait_desk();
  wait_desk(const wait_desk&) = delete;
  wait_desk& operator=(const wait_desk&) = delete;

  /// The shard opened: what is in its queue waits from now on.
  void opened(const runtime::shard_ledger& ledger);
  /// The job waits from now on.
  void admitted(const runtime::shard_ledger& ledger, runtime::job_id id);
  /// It waits again, at first for `delay`, then (`charged`) for the retry
  /// budget.
  void requeued(const runtime::shard_ledger& ledger, runtime::job_id id,
                runtime::duration delay, bool charged);
  /// The delay and the budget are over.
  void ready(const runtime::shard_ledger& ledger, runtime::job_id id);
  /// New terms of the model, or a new state of its breaker.
  void policy(const runtime::shard_ledger& ledger, const std::string& model);

  /// It waits no longer; what its decision says of that. Without a lease: it
  /// ends.
  runtime::decision_note leave(const runtime::shard_ledger& ledger,
                               runtime::job_id id, const lease_notice& by = {});
  /// Null: it does not wait.
  std::optional<runtime::job_why> why(const runtime::shard_ledger& ledger,
                                      runtime::job_id id) const;
  void drop(runtime::job_id id);

  /// How good the estimate of a first attempt's wait was.
  void sample(const std::string& model, const runtime::leased& lease);
  /// Real over estimated waits since the last call, at most 64.
  std::vector<float> take_samples(const std::string& model);

private:
  using queue_name = runtime::wait_clocks::queue_name;
  void find_reason(const runtime::shard_ledger& ledger,
                   const queue_name& queue);

  /// In the gauge of waiting jobs.
  void count(runtime::job_id id, int64_t by);
  void show(const std::string& model, uint8_t tag, int64_t by);

  actor_env& env_;
  runtime::wait_clocks clocks_;
  std::map<std::pair<std::string, uint8_t>, int64_t> counted_;
  std::map<std::string, std::vector<float>> samples_;
  /// Until when a retried job's delay lasts; few.
  std::unordered_map<runtime::job_id, runtime::mono_time> delays_;
};

} // namespace troupe::actors
