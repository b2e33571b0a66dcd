#include "gateway/exchange.hpp"

#include "gateway/io_thread.hpp"
#include "gateway/trace_context.hpp"

namespace troupe::gateway {

namespace {

bool is_loopback_name(std::string_view host) {
  // Without the port; an IPv6 literal keeps its brackets.
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    host = host.substr(0, end == std::string_view::npos ? end : end + 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  return equal_nocase(host, "localhost") || host == "127.0.0.1"
         || host == "[::1]";
}

// Fills `params` when the path fits the pattern, segment by segment.
bool fits(std::string_view pattern, std::string_view path,
          std::vector<std::string>& params) {
  // Nearly all others differ before their first parameter.
  const auto literal = pattern.substr(0, pattern.find('{'));
  if (!path.starts_with(literal)
      || (literal.size() == pattern.size() && path.size() != literal.size()))
    return false;
  params.clear();
  while (!pattern.empty() && !path.empty()) {
    const auto wanted = take_until(pattern, '/');
    const auto given = take_until(path, '/');
    if (wanted.starts_with('{')) {
      if (given.empty())
        return false;
      params.push_back(percent_decode(given, false));
    } else if (wanted != given) {
      return false;
    }
    if (pattern.empty() != path.empty())
      return false;
  }
  return pattern.empty() && path.empty();
}

// "/a/" must not pass for "/a".
bool has_empty_tail(std::string_view path) {
  return path.size() > 1 && path.back() == '/';
}

bool accepts(const http_request& request, representation answers) {
  const auto accept = request.get(header::accept);
  switch (answers) {
    case representation::any:
      return true;
    case representation::json_or_events:
      if (accept_quality(accept, "text", "event-stream") > 0.0)
        return true;
      [[fallthrough]];
    case representation::json:
      return accept_quality(accept, "application", "json") > 0.0
             || accept_quality(accept, "application", "problem+json") > 0.0;
  }
  return false;
}

std::optional<problem> check_body(const http_request& request, body_rule rule) {
  if (rule == body_rule::none)
    return std::nullopt;
  const bool given = request.has(header::content_type);
  const bool needed = rule == body_rule::required_json || request.has_body;
  if ((given || needed)
      && !is_json_content_type(request.get(header::content_type)))
    return problem{.slug = "unsupported-media-type",
                   .detail = "send the body as Content-Type: application/json"};
  return std::nullopt;
}

} // namespace

http_reply exchange::fail(const problem& x) const {
  return render(x, {.instance = request.path,
                    .request_id = request_id,
                    .trace_id = trace_id,
                    .jitter = home.random().unit()});
}

std::string exchange::traceparent() const {
  // Later versions may be longer: what follows version 00's part is not ours.
  return trace_id.empty()
           ? std::string{}
           : std::string{
             request.get(header::traceparent).substr(0, traceparent_chars)};
}

route_match match_route(std::span<const route> routes,
                        const http_request& request) {
  route_match match;
  const std::string_view path{request.path};
  const bool head = request.method == "HEAD";
  std::vector<std::string> params;
  for (const auto& x : routes) {
    const bool root = x.pattern == "/" && path == "/";
    if (!root && (has_empty_tail(path) || !fits(x.pattern, path, params)))
      continue;
    match.path_known = true;
    const bool readable =
      x.method == "GET" && x.answers != representation::json_or_events;
    if (x.method == request.method || (head && readable)) {
      match.found = &x;
      match.params = std::move(params);
    }
    if (match.found)
      continue; // Nobody asks what else the path takes.
    match.allow.append(match.allow.empty() ? "" : ", ").append(x.method);
    if (readable)
      match.allow += ", HEAD";
  }
  if (match.path_known && !match.found)
    match.allow += ", OPTIONS";
  return match;
}

std::optional<problem> check_head(const http_request& request,
                                  const route_match& match, bool open_mode) {
  if (open_mode && !is_loopback_name(request.get(header::host)))
    return problem{.slug = "forbidden-origin",
                   .detail =
                     "without API keys, only loopback names are served"};
  if (open_mode
      && equal_nocase(request.get(header::sec_fetch_site), "cross-site"))
    return problem{.slug = "forbidden-origin",
                   .detail = "the request comes from another web site"};
  const bool tunnel = request.method == "CONNECT" || request.method == "TRACE";
  if (!tunnel && !match.path_known)
    return problem{.slug = "not-found", .detail = "there is no such path"};
  const bool options = request.method == "OPTIONS" && match.path_known;
  if (tunnel || (!match.found && !options))
    return problem{.slug = "method-not-allowed",
                   .detail = "the path does not take " + request.method,
                   .allow = match.path_known ? std::string_view{match.allow}
                                             : std::string_view{"GET"},
                   .close = tunnel};
  if (request.has(header::expect) && request.minor_version > 0
      && !equal_nocase(request.get(header::expect), "100-continue"))
    return problem{.slug = "expectation-failed",
                   .detail = "the only known expectation is 100-continue"};
  if (options)
    return std::nullopt;
  if (auto wrong = check_body(request, match.found->body))
    return wrong;
  if (!accepts(request, match.found->answers))
    return problem{.slug = "not-acceptable",
                   .detail = match.found->answers == representation::json
                               ? "the answer is application/json"
                               : "the answer is application/json or "
                                 "text/event-stream"};
  return std::nullopt;
}

} // namespace troupe::gateway
