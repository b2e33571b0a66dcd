// A stored request with an edit, ready to be admitted as a new job.
#pragma once

#include "gateway/job_port.hpp"
#include "gateway/problem.hpp"

#include <boost/json/value.hpp>

#include <span>
#include <string>
#include <variant>

namespace troupe::gateway {

/// `edit`: a merge patch on the body. The result is validated like a new request;
/// what is wrong with it is the edit's, since the request was right once:
/// pointers begin with /edit. It has the tenant and `replay_of`.
std::variant<runtime::job_spec, problem>
edited_request(const runtime::job_spec& stored, const boost::json::value& edit,
               std::span<const model_info> models,
               std::span<const alias_info> aliases = {});

/// The same for an edit as text; empty = none.
runtime::result<runtime::job_spec>
edited_request(const runtime::job_spec& stored, const std::string& edit,
               std::span<const model_info> models,
               std::span<const alias_info> aliases = {});

} // namespace troupe::gateway
