// The one commit that makes a step of a job durable, without its readers.
#pragma once

#include "actors/messages.hpp"

namespace troupe::actors {

/// `record`: as the step left it. Its events, output and record in one request,
/// and the note that the shard needs when the job ends or is queued again.
commit_request make_step_commit(const runtime::job_step& step,
                                const runtime::job_record& record,
                                uint64_t epoch);

/// What the attempt is to do, from the job as it was asked for and the text that
/// it has so far.
models::attempt_request
make_attempt_request(runtime::attempt_id id, const runtime::job_spec& spec,
                     const runtime::job_machine& machine);

} // namespace troupe::actors
