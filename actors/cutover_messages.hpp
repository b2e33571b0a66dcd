// A running job that may end too late asks its shard whether another model would
// do better. Part of messages.hpp.
#pragma once

#include "actors/node_local.hpp"
#include "actors/type_ids.hpp"
#include "runtime/job.hpp"
#include "runtime/job_decision.hpp"
#include "runtime/job_machine.hpp"
#include "runtime/scheduling/finish_forecast.hpp"

#include <cstdint>

namespace troupe::actors {

/// Job to shard. Answered by `cut_over_job` if it should move; else not at all.
struct running_late {
  runtime::attempt_id id;
  uint32_t produced = 0; ///< Tokens of the job so far.
  runtime::attempt_rest rest;
};
/// Shard to job: the attempt ends here, and goes on there.
struct cut_over_job {
  runtime::attempt_id id;
  runtime::job_degradation step;
  runtime::queue_place to;
  runtime::decision_note note;
};

// clang-format off
template <> inline constexpr bool is_node_local<running_late> = true;
template <> inline constexpr bool is_node_local<cut_over_job> = true;
// clang-format on

} // namespace troupe::actors
