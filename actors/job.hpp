// One job that runs or is watched: its state machine, the tail of its events,
// its subscribers and its current attempt. The only writer of a job's records
// after admission. Owned and monitored by its shard; when it dies the shard
// starts it again from the store and the attempt counts as lost. A job that
// waits unwatched has no actor: it is a line in the shard's ledger.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/inspectable.hpp"
#include "actors/messages.hpp"

namespace troupe::actors {

using job_actor = caf::typed_actor<
  // A committed compare-and-set leased the job to a worker.
  caf::result<void>(run_attempt),
  // What the worker reports.
  caf::result<void>(attempt_progress), caf::result<void>(attempt_ended),
  // What clients want; forwarded by the shard.
  caf::result<void>(get_job), caf::result<void>(watch_job),
  caf::result<void>(forget_reader), caf::result<void>(cancel_job),
  caf::result<void>(expire_job), caf::result<void>(degrade_job),
  caf::result<void>(cut_over_job),
  // The reader's answer to load_job.
  caf::result<void>(job_loaded),
  // The shard has forgotten this actor: nothing more will come.
  caf::result<void>(leave_atom)>::extend_with<inspectable_actor>;

struct job_limits {
  uint64_t events_max = 100'000; ///< Then the job fails.
  size_t subscribers_max = 64;   ///< Watchers and waiting gets.
  size_t tail_events = 64;       ///< Kept for late watchers.
  runtime::retry_delays retry;
  /// For how long a poison input is refused; 0: never.
  runtime::duration poison_ttl{std::chrono::hours{1}};
};

/// What the shard knows of the job when it starts the actor.
struct job_start {
  runtime::job_record record;
  runtime::spec_ptr spec; ///< Null: loaded from the store when needed.
  uint64_t epoch = 0;     ///< Of the shard's lease.
  bool recover = false; ///< Rebuild from the store; a running attempt is lost.
};

job_actor spawn_job(actor_env& env, job_limits limits, job_start start);

} // namespace troupe::actors
