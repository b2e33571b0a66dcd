// All outbound HTTP: one request at a time over HTTP/1.1 without TLS, answered
// whole or as a stream of bytes. Blocks its caller, so it is for the command
// line and for threads of their own, never for actors.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "runtime/result.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::runtime {

/// `http://HOST[:PORT][/PREFIX]`; HOST is a name, an IPv4 address or an IPv6
/// address in brackets.
struct http_url {
  std::string host;
  std::string port = "80";
  std::string prefix; ///< Without a slash at its end; before each target.
  /// What a `Host` header says.
  std::string authority() const;
  /// `invalid_argument`; `unsupported` for https.
  static result<http_url> parse(std::string_view text);
  friend bool operator==(const http_url&, const http_url&) = default;
};

using http_headers = std::vector<std::pair<std::string, std::string>>;

struct http_call {
  std::string method = "GET";
  std::string target = "/"; ///< Path and query, already encoded.
  http_headers headers;     ///< Besides Host, Content-Length, User-Agent.
  std::string body;
  /// Sent as `Authorization: Bearer ...`; empty: no header.
  secret bearer;
};

struct http_response {
  unsigned status = 0;
  http_headers headers;
  std::string body; ///< Empty if it was streamed.
  /// The first header of the name, in any case; empty if none.
  std::string_view header(std::string_view name) const noexcept;
};

struct http_client_limits {
  duration connect{std::chrono::seconds{5}};     ///< Per call, resolving too.
  duration first_byte{std::chrono::seconds{70}}; ///< From sent to the head.
  duration idle{std::chrono::seconds{60}}; ///< Between pieces of the body.
  uint32_t head_bytes_max = 64 * 1024;
  uint64_t body_bytes_max = 64 * 1024 * 1024; ///< Of a body that is collected.
};

/// How far a failed call came.
enum class http_stage : uint8_t {
  connect, ///< Nothing was sent.
  send,    ///< The server may have read some of it.
  head,    ///< No answer: it may have been acted on.
  body     ///< The answer broke off.
};

struct http_failure {
  http_stage stage = http_stage::connect;
  /// `io_error`, `timeout`, `protocol_error`, `cancelled` (the stop descriptor),
  /// `invalid_argument` (control characters in the head; nothing was sent).
  failure why;
};
[[noreturn]] void throw_exception_from_error(const http_failure& error,
                                             const boost::source_location& loc);

using http_result = boost::system::result<http_response, http_failure>;

/// Decides by the head whether the body is streamed, and takes its pieces as
/// they come; `take` answers false to end the call successfully.
struct http_body_stream {
  std::function<bool(const http_response& head)> wanted;
  std::function<bool(std::string_view bytes)> take;
};

class http_client {
public:
  /// `stop_fd`: a descriptor that becomes readable when calls shall end, or -1.
  explicit http_client(http_url url, http_client_limits limits = {},
                       int stop_fd = -1);

  const http_url& url() const noexcept { return url_; }

  http_result send(const http_call& call) const;
  http_result stream(const http_call& call, const http_body_stream& to) const;

  /// Sleeps; false if the stop descriptor ended it early.
  bool pause(duration span) const;

private:
  http_url url_;
  http_client_limits limits_;
  int stop_fd_;
};

/// For a query or a path segment: all but unreserved characters (RFC 3986 2.3)
/// as %XX.
std::string percent_encode(std::string_view text);

} // namespace troupe::runtime
