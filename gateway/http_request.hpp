// One request as the routes see it: no parser types, nothing decoded twice.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::gateway {

/// The header fields that Troupe looks at. A repeated field is joined with
/// ", " as RFC 9110 5.3 says.
enum class header : uint8_t {
  host,
  content_type,
  accept,
  expect,
  prefer,
  idempotency_key,
  if_none_match,
  last_event_id,
  sec_fetch_site,
  traceparent,
  troupe_tenant,
  count_
};

struct query_param {
  std::string name;
  std::string value;
};

struct http_request {
  std::string method;
  std::string target;
  std::string path;               ///< Without query; still percent-encoded.
  std::vector<query_param> query; ///< Decoded, in order.
  std::array<std::optional<std::string>, static_cast<size_t>(header::count_)>
    headers;
  std::string body;
  int minor_version = 1;
  bool keep_alive = true;
  bool has_body = false; ///< A body was announced, even an empty one.

  /// Empty when absent.
  std::string_view get(header h) const noexcept {
    const auto& x = headers[static_cast<size_t>(h)];
    return x ? std::string_view{*x} : std::string_view{};
  }
  bool has(header h) const noexcept {
    return headers[static_cast<size_t>(h)].has_value();
  }
  /// The first value of a query parameter.
  std::optional<std::string_view> param(std::string_view name) const noexcept;
};

/// The header that `name` (any case) means, if it is one of ours.
std::optional<header> header_from_name(std::string_view name) noexcept;

/// Sets path and query from an origin-form or absolute-form target.
void split_target(http_request& request);

/// Decodes %XX (and + as a blank in queries). A malformed escape stays as it is.
std::string percent_decode(std::string_view text, bool plus_is_blank);

/// Quality (0..1) that an Accept field gives to `type`/`subtype`; an empty field
/// accepts all. RFC 9110 12.5.1; a malformed element counts as absent.
double accept_quality(std::string_view accept, std::string_view type,
                      std::string_view subtype);

/// True for `application/json` with any parameters.
bool is_json_content_type(std::string_view value);

/// What Prefer says (RFC 7240): `wait=N` and `respond-async`.
struct preferences {
  std::optional<uint32_t> wait_s; ///< 0..60: larger numbers count as 60.
  bool respond_async = false;
};
preferences parse_prefer(std::string_view value);

/// Equal without regard to ASCII case.
bool equal_nocase(std::string_view a, std::string_view b) noexcept;
/// Without blanks and tabs at both ends.
std::string_view trim(std::string_view text) noexcept;
/// The part before `separator`, which is removed together with it.
std::string_view take_until(std::string_view& rest, char separator) noexcept;
/// Plain digits only; nothing on anything else or on overflow.
std::optional<uint64_t> parse_digits(std::string_view text) noexcept;

} // namespace troupe::gateway
