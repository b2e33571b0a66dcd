// What the end of an attempt is counted as, and what its model learns from it.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/messages.hpp"

namespace troupe::actors {

/// In the metrics of the job's model.
void count_attempt(actor_env& env, const runtime::job_record& record,
                   const attempt_ended& x);

/// To the dispatcher of the job's queue: what jobs like this one cost. Nothing for
/// an attempt without output or time.
void report_cost(actor_env& env, const runtime::spec_ptr& spec,
                 const runtime::job_record& record, const attempt_ended& x);

} // namespace troupe::actors
