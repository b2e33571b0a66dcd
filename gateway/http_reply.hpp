// One answer: what a route returns and how it becomes bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::gateway {

struct http_reply {
  uint16_t status = 200;
  std::string_view content_type = "application/json"; ///< Static storage.
  std::string fields{}; ///< Complete field lines, each with CRLF.
  std::string body{};
  bool close = false;
  /// The route already wrote its answer (a stream); the connection ends.
  bool streamed = false;
  /// Of a refusal for want of budget: when the budget would do. 0: none such.
  uint64_t budget_wait_s = 0;

  /// Control characters in `value` are dropped.
  void add(std::string_view name, std::string_view value);
};

/// What the session knows and every answer carries.
struct reply_frame {
  std::string_view request_id;
  std::string_view date;  ///< IMF-fixdate.
  bool keep_alive = true; ///< The session's own wish.
  bool head_only = false; ///< The request was HEAD.
  int minor_version = 1;
};

/// Status line, fields and body, appended to `out`.
void append_bytes(std::string& out, const http_reply& reply,
                  const reply_frame& frame);

/// "Fri, 21 Aug 2026 10:00:05 GMT" for seconds since 1970.
std::string imf_fixdate(int64_t unix_s);

} // namespace troupe::gateway
