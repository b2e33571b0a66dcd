// Handlers of /admin/v1/tenants: what tenants may spend, have spent and have
// waiting, and an operator's override of a budget.
#pragma once

#include "gateway/exchange.hpp"

namespace troupe::gateway {

task<http_reply> get_tenants(exchange& ex);
task<http_reply> get_tenant(exchange& ex);
task<http_reply> put_budget(exchange& ex);
task<http_reply> delete_budget(exchange& ex);

} // namespace troupe::gateway
