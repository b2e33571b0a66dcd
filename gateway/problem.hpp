// Errors as clients see them: application/problem+json (RFC 9457), one type per
// kind, each with a page at /problems/{slug}.
#pragma once

#include "gateway/http_reply.hpp"
#include "gateway/http_status.hpp"
#include "runtime/client_sink.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::gateway {

/// One wrong field: an RFC 6901 pointer into the body, or `?name` for a query
/// parameter, and a sentence.
struct field_error {
  std::string pointer;
  std::string detail;
  std::string_view code{}; ///< Static storage; empty: none.
  friend bool operator==(const field_error&, const field_error&) = default;
};

struct problem {
  std::string_view slug; ///< Static storage, e.g. "queue-full".
  std::string detail;
  std::vector<field_error> errors{};
  std::optional<uint64_t> limit{};
  std::optional<runtime::refused::shortage> budget{};
  /// Set by the server's knowledge of when waiting helps; else a default.
  double retry_after_s = 0.0;
  std::string_view allow{}; ///< For 405.
  runtime::refusal_facts facts{};
  bool close = false; ///< Close even where the kind does not.
};

/// Where the problem happened.
struct problem_context {
  std::string_view instance; ///< The path.
  std::string_view request_id;
  std::string_view trace_id; ///< Empty when there is none.
  double jitter = 0.0;       ///< 0..1, spreads the returns.
};

problem to_problem(const runtime::failure& why, double retry_after_s = 0.0);
problem to_problem(const runtime::refused& refused);

http_reply render(const problem& x, const problem_context& context);

/// The page of a kind; nothing when the slug is unknown.
std::optional<http_reply> problem_page(std::string_view slug);
/// All kinds.
http_reply problem_index();

} // namespace troupe::gateway
