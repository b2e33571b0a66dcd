// /v1/estimate: what would become of a job that was created now.
#pragma once

#include "gateway/exchange.hpp"
#include "gateway/json_writer.hpp"
#include "runtime/client_sink.hpp"

namespace troupe::gateway {

/// The body of POST /v1/jobs; nothing is kept of it. 200 also for a job that
/// would be refused: `reject` holds the problem then. `{endpoint, body}`, for the
/// OpenAI paths, comes with those paths.
task<http_reply> estimate_job(exchange& ex);

/// The members of an estimate, inside an object.
void write_estimate(json_writer& json, const exchange& ex,
                    const runtime::job_estimated& x);

} // namespace troupe::gateway
