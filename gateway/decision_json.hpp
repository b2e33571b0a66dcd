// Why a job was treated as it was, and why it waits, as JSON.
#pragma once

#include "gateway/json_writer.hpp"
#include "runtime/client_sink.hpp"

#include <string>

namespace troupe::gateway {

/// What `include` asked for.
struct explanation {
  bool decision = false; ///< The record kept with the job.
  bool why = false;      ///< What it waits for now.
  explicit operator bool() const noexcept { return decision || why; }
};

/// Adds `decision` and `why` to the Job object that ends `body`. Null: a job of
/// an older version has no decision, one that does not wait no `why`.
void append_explanation(std::string& body, const runtime::job_view& job,
                        const explanation& what);

} // namespace troupe::gateway
