// Replays dead letters in bulk: performs what each run's `replay_plan` decides.
// Supervised under data; when it dies it reads the runs from the store and goes
// on. A run is kept by its shard before anything of a listed page is replayed, so
// nothing is replayed twice and every count is true. It never admits and never
// touches a record: the letters' shards do.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/inspectable.hpp"
#include "actors/messages.hpp"
#include "runtime/result.hpp"

#include <functional>
#include <string>

namespace troupe::actors {

using replay_runner_actor = caf::typed_actor<
  // A new run; answered by `runs_listed` with it once it is kept.
  caf::result<void>(start_run),
  // Pause, resume, cancel, another rate; answered likewise.
  caf::result<void>(steer_run),
  // All runs of a tenant, newest first.
  caf::result<void>(list_runs),
  // The reader's answer at the start.
  caf::result<void>(runs_loaded),
  // What shards and readers answer.
  caf::result<void>(runner_answer),
  // To itself.
  caf::result<void>(runner_tick_atom,
                    uint64_t)>::extend_with<inspectable_actor>;

struct replay_runner_config {
  /// A letter's request with a merge patch applied, validated like a new one.
  std::function<runtime::result<runtime::job_spec>(
    const runtime::job_spec& stored, const std::string& edit)>
    edit;
  size_t active_max = 16; ///< Runs that have not ended.
  size_t kept_max = 100;  ///< Runs that have; the oldest is forgotten.
};

replay_runner_actor spawn_replay_runner(actor_env& env,
                                        replay_runner_config config,
                                        uint64_t generation);

} // namespace troupe::actors
