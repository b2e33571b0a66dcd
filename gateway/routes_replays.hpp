// /v1/dead-letters/replays: many dead letters again, at a rate.
#pragma once

#include "gateway/exchange.hpp"

namespace troupe::gateway {

task<http_reply> start_replays(exchange& ex);
task<http_reply> list_replays(exchange& ex);
task<http_reply> get_replays(exchange& ex);
task<http_reply> pause_replays(exchange& ex);
task<http_reply> resume_replays(exchange& ex);
task<http_reply> cancel_replays(exchange& ex);
/// {rate_per_s}
task<http_reply> patch_replays(exchange& ex);

} // namespace troupe::gateway
