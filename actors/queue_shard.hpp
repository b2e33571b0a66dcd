// One shard's ledger as an actor: admits jobs, keeps the order of those that
// wait, leases them to dispatchers and owns the `job` actors. Supervised by the
// shard supervisor; when it dies it is rebuilt from the store under a higher
// epoch, and attempts that ran are lost and resumed. A shard whose history does
// not check out serves nothing: it stays quarantined and refuses.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/inspectable.hpp"
#include "actors/job.hpp"
#include "actors/messages.hpp"
#include "runtime/shard_ledger.hpp"

namespace troupe::actors {

using queue_shard_actor = caf::typed_actor<
  // Clients, through the gateway.
  caf::result<void>(submit_job), caf::result<void>(estimate_job),
  caf::result<void>(get_job), caf::result<void>(watch_job),
  caf::result<void>(forget_reader), caf::result<void>(cancel_job),
  // A client, or the reader with what it found.
  caf::result<void>(settle_letter),
  // The replay runner.
  caf::result<void>(keep_run),
  // Dispatchers: what they learnt.
  caf::result<void>(keep_value),
  // The journal: loaded content, and what became of commits.
  caf::result<void>(shard_opened), caf::result<void>(shard_committed),
  // A model's dispatcher: announce to me; these are the terms now; lease these;
  // these are lost.
  caf::result<void>(open_feed), caf::result<void>(publish_policy),
  caf::result<void>(lease_jobs), caf::result<void>(attempts_lost),
  // A job actor offers to leave.
  caf::result<void>(job_idle), caf::result<void>(running_late),
  // To itself, when a limit or a retry is due.
  caf::result<void>(shard_tick_atom, uint64_t)>::extend_with<inspectable_actor>;

struct queue_shard_config {
  runtime::ledger_limits ledger;
  job_limits job;
  size_t announced_heads = 16; ///< Per model and tenant; 1..1024.
  std::shared_ptr<const runtime::queue_rules> rules =
    std::make_shared<runtime::queue_rules>();
  /// A commit that takes longer makes the shard refuse new work.
  runtime::duration commit_stall{std::chrono::milliseconds{500}};
};

queue_shard_actor spawn_queue_shard(actor_env& env, runtime::shard_id shard,
                                    queue_shard_config config,
                                    uint64_t generation);

} // namespace troupe::actors
