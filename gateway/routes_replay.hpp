// POST .../replay: a job that ended, or a dead letter, once more.
#pragma once

#include "gateway/exchange.hpp"

namespace troupe::gateway {

task<http_reply> replay_job(exchange& ex);
task<http_reply> replay_letter(exchange& ex);
/// Also poison; the body has a `reason`, which is logged.
task<http_reply> replay_letter_as_operator(exchange& ex);

} // namespace troupe::gateway
