// The Idempotency-Key of a request, and what makes another request its repeat.
#pragma once

#include "gateway/exchange.hpp"
#include "gateway/job_port.hpp"

#include <boost/json/value.hpp>

#include <variant>

namespace troupe::gateway {

/// Options without a key when the request has none; a malformed key is a
/// problem. A repeat has the same tenant, path and key; `body` must be equal,
/// whatever the order of its members.
std::variant<submit_options, problem>
read_idempotency(const exchange& ex, const boost::json::value& body);

} // namespace troupe::gateway
