// GET /v1/jobs/{id}/events: an event stream, or a page as JSON.
#pragma once

#include "gateway/exchange.hpp"

namespace troupe::gateway {

task<http_reply> get_events(exchange& ex);

} // namespace troupe::gateway
