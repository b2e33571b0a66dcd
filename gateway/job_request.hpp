// The body of POST /v1/jobs: validated, every mistake named, turned into the
// native job specification. JSON travels no further than here.
//
// Fields of the API contract that this version refuses (422, "not supported yet
// by this version") instead of ignoring them:
//   graph, conversation, webhook, `task` embed, classify, rerank and run, and in `params` tools,
//   tool_choice, response_format, dimensions and `top_logprobs` above 0.
#pragma once

#include "gateway/job_port.hpp"
#include "gateway/problem.hpp"

#include <boost/json/value.hpp>

#include <span>
#include <string>
#include <variant>

namespace troupe::gateway {

constexpr size_t metadata_pairs_max = 16;
constexpr size_t metadata_key_chars_max = 64;

/// `models`, `aliases`: all configured ones. The specification lacks id and
/// tenant; instead of an alias it has the model that was chosen.
std::variant<runtime::job_spec, problem>
read_job_request(const boost::json::value& body,
                 std::span<const model_info> models,
                 std::span<const alias_info> aliases = {});

/// The body of POST .../cancel: {"reason"?: up to 200 characters}.
std::variant<std::string, problem>
read_cancel_request(const boost::json::value& body);

/// A 422 with what is wrong.
problem validation_problem(std::vector<field_error> errors);

} // namespace troupe::gateway
