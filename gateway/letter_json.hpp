// Dead letters as JSON.
#pragma once

#include "gateway/json_writer.hpp"
#include "runtime/attempt_trail.hpp"
#include "runtime/job.hpp"

#include <span>

namespace troupe::gateway {

/// The entry of a list: without request, metadata and attempts.
void write_letter_row(json_writer& json, const runtime::job_record& record);

/// The whole entry. `spec` is null once the request was retired.
void write_letter(json_writer& json, const runtime::job_record& record,
                  const runtime::job_spec* spec,
                  std::span<const runtime::past_attempt> attempts);

} // namespace troupe::gateway
