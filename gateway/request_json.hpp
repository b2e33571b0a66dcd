// A stored request as the body it came from: the inverse of job_request.hpp.
// Defaults are written out; what the body left to the server (`max_output_tokens`,
// a seed) stays absent.
#pragma once

#include "gateway/json_writer.hpp"
#include "runtime/job.hpp"

namespace troupe::gateway {

/// `read_job_request` makes an equal specification of it, but for the id, the
/// tenant, the estimate, `replay_of` and what an alias chose.
void write_request(json_writer& json, const runtime::job_spec& spec);

} // namespace troupe::gateway
