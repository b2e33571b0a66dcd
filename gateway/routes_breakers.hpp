// /admin/v1/breakers: look, force, reset.
#pragma once

#include "gateway/exchange.hpp"

namespace troupe::gateway {

task<http_reply> get_breakers(exchange& ex);
task<http_reply> get_breaker(exchange& ex);
task<http_reply> force_breaker(exchange& ex);
task<http_reply> reset_breaker(exchange& ex);

} // namespace troupe::gateway
