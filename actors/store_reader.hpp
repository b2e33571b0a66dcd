// Answers questions about committed work straight from the store, so that reads
// never wait for commits nor for a busy job. Detached, several per node,
// supervised by the data supervisor. When one dies, waiting clients time out and
// ask again. It never writes.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/inspectable.hpp"
#include "actors/messages.hpp"
#include "runtime/storage/store.hpp"

namespace troupe::actors {

using store_reader_actor = caf::typed_actor<
  // Record, request and events of a job; answers the sender with job_loaded.
  caf::result<void>(load_job),
  // A job as its clients see it.
  caf::result<void>(read_view),
  // A page of committed events.
  caf::result<void>(read_events),
  // Record and output.
  caf::result<void>(read_output),
  // The replay runs; answers the sender with runs_loaded.
  caf::result<void>(load_runs),
  // Goes back to the letter's shard with its record.
  caf::result<void>(settle_letter),
  // A page of a tenant's jobs.
  caf::result<void>(list_jobs)>::extend_with<inspectable_actor>;

/// How many readers a node runs.
constexpr size_t store_readers = 2;

/// `env` and `store` outlive the actor system.
store_reader_actor spawn_store_reader(actor_env& env,
                                      const runtime::store_reader& store,
                                      size_t index, uint64_t generation);

/// The reader that serves this job; null while it restarts.
store_reader_actor reader_of(actor_env& env, runtime::job_id id);

} // namespace troupe::actors
