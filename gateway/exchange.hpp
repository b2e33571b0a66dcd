// One request on its way through a route, and how routes are described.
#pragma once

#include "gateway/coroutine.hpp"
#include "gateway/http_reply.hpp"
#include "gateway/http_request.hpp"
#include "gateway/problem.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace troupe::gateway {

class connection;
class io_thread;

/// Lives as long as the route's coroutine.
struct exchange {
  http_request& request;
  connection& conn;
  io_thread& home;
  std::string_view request_id;
  std::string_view trace_id; ///< 32 hex digits, or empty.
  std::string_view tenant;   ///< Whose request it is; configured.
  /// What stood in the place of {...}, decoded.
  std::vector<std::string> params{};
  /// Gives the session's read buffer back before a long stream.
  std::function<void()> release_input{};

  http_reply fail(const problem& x) const;
  /// To keep with a job: the request's `traceparent` if it is valid, else empty.
  std::string traceparent() const;
};

/// What a route can answer with, for Accept.
enum class representation : uint8_t { json, json_or_events, any };

/// What a route does with a body.
enum class body_rule : uint8_t { none, optional_json, required_json };

using route_handler = task<http_reply> (*)(exchange&);

struct route {
  std::string_view method;
  std::string_view pattern; ///< "/v1/jobs/{id}/events".
  route_handler handler;
  body_rule body = body_rule::none;
  representation answers = representation::json;
};

/// What one listener serves.
struct site {
  std::span<const route> routes; ///< Static storage.
  bool drains = true;            ///< Its connections end when the node drains.
};

struct route_match {
  const route* found = nullptr;
  bool path_known = false;
  std::string allow; ///< Of a known path; whole if nothing was found.
  std::vector<std::string> params;
};

/// HEAD finds GET, except for event streams.
route_match match_route(std::span<const route> routes,
                        const http_request& request);

/// What can be said against a request before its body is read; nothing when it
/// may go on. `open_mode`: only loopback names, no foreign pages.
std::optional<problem> check_head(const http_request& request,
                                  const route_match& match, bool open_mode);

} // namespace troupe::gateway
