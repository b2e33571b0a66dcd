// What a shard sees of its node when it admits a job: all of it from the board,
// without asking an actor.
#pragma once

#include "actors/actor_env.hpp"
#include "runtime/shard_ledger.hpp"

namespace troupe::actors {

/// `commit_stall`: a commit under way for longer than that makes the disk count
/// as stuck. `rules`: for the deadline of a job that brings none.
runtime::admission_gate view_gate(const actor_env& env,
                                  const runtime::job_spec& spec,
                                  const runtime::queue_rules& rules,
                                  runtime::duration commit_stall);

/// What would become of a request that came now.
runtime::job_estimated estimate(const runtime::shard_ledger& ledger,
                                runtime::job_spec& spec,
                                const runtime::admission_gate& gate,
                                runtime::wall_time now, runtime::rng& random);

} // namespace troupe::actors
