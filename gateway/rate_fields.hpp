// What every answer says to a tenant with a budget: the fields RateLimit-Policy
// and RateLimit (draft-ietf-httpapi-ratelimit-headers).
#pragma once

#include "runtime/overload/tenant_account.hpp"

#include <cstdint>
#include <string>

namespace troupe::gateway {

/// Whole field lines, each with CRLF; empty for a tenant without a limit.
/// `wait_s`: of a refusal for want of budget, when it would fit; 0: none.
std::string rate_fields(const runtime::tenant_view& tenant,
                        uint64_t wait_s = 0);

} // namespace troupe::gateway
