// A Job as the answer to a request, with its ETag and timing.
#pragma once

#include "gateway/exchange.hpp"
#include "runtime/client_sink.hpp"

namespace troupe::gateway {

/// `output` is null for jobs that live or whose output was retired.
http_reply job_reply(uint16_t status, const runtime::job_view& job,
                     const runtime::job_output* output);

/// A terminal job is answered with its output, which only the store has.
task<http_reply> job_reply_with_output(exchange& ex, runtime::job_view job,
                                       uint16_t terminal_status,
                                       uint16_t live_status);

} // namespace troupe::gateway
