// Which model of an alias a request goes to. Decisions: runtime/scheduling/
// intent_policy.
#pragma once

#include "gateway/field_reader.hpp"
#include "gateway/job_port.hpp"
#include "gateway/json_writer.hpp"

#include <span>
#include <string>

namespace troupe::gateway {

/// Reads `intent`. If `spec.model` is an alias, puts the model that it stands for
/// now in its place, the other allowed ones into `fallbacks` where the request
/// named none, and the alias and the intent beside it.
void choose_of_alias(field_reader& body, std::span<const model_info> models,
                     std::span<const alias_info> aliases,
                     runtime::job_spec& spec);

/// `alias` and `intent` of a job: null when it asked for a model.
void write_alias(json_writer& json, const runtime::job_record& record);

/// `aliases` of a model.
void write_aliases(json_writer& json, std::span<const alias_info> aliases,
                   const std::string& model);

} // namespace troupe::gateway
