// What routes ask the owners of dead letters, as coroutines.
#pragma once

#include "gateway/job_answers.hpp"
#include "runtime/attempt_trail.hpp"

#include <vector>

namespace troupe::gateway {

/// A job that replays another one.
struct replay_made {
  enum class kind : uint8_t {
    made = 1,
    repeated, ///< By an earlier request with the same key.
    earlier   ///< By somebody else: a letter has one replay.
  };
  runtime::job_view job;
  kind how = kind::made;
};

/// Submits a job that repeats another one; without a key each call makes a new
/// job.
task<answer_or_refusal<replay_made>> ask_submit(exchange& ex,
                                                const runtime::job_spec& spec,
                                                const submit_options& options);

/// Replays a dead letter. Safe to repeat.
task<answer_or_refusal<replay_made>> ask_replay(exchange& ex,
                                                runtime::job_id id,
                                                const runtime::job_spec& spec,
                                                const submit_options& options);

/// Drops these letters; how many of them are dropped now.
task<uint64_t> ask_drop(exchange& ex, const std::vector<runtime::job_id>& ids);
/// Drops one.
task<answer_or_refusal<runtime::job_view>> ask_drop(exchange& ex,
                                                    runtime::job_id id);

/// Every attempt of the job so far.
task<answer_or_refusal<std::vector<runtime::past_attempt>>>
ask_attempts(exchange& ex, runtime::job_id id);

// Replay runs; what is answered is the run, or all of them, newest first.
using replay_runs = std::vector<runtime::replay_run>;
task<answer_or_refusal<replay_runs>> ask_start(exchange& ex,
                                               runtime::replay_run run);
task<answer_or_refusal<replay_runs>> ask_steer(exchange& ex, runtime::job_id id,
                                               run_steering what,
                                               double rate_per_s);
task<answer_or_refusal<replay_runs>> ask_runs(exchange& ex);

} // namespace troupe::gateway
