#include "gateway/http_request.hpp"

#include <algorithm>
#include <charconv>

namespace troupe::gateway {

namespace {

constexpr std::array<std::pair<std::string_view, header>, 11> header_names{{
  {"host", header::host},
  {"content-type", header::content_type},
  {"accept", header::accept},
  {"expect", header::expect},
  {"prefer", header::prefer},
  {"idempotency-key", header::idempotency_key},
  {"if-none-match", header::if_none_match},
  {"last-event-id", header::last_event_id},
  {"sec-fetch-site", header::sec_fetch_site},
  {"traceparent", header::traceparent},
  {"x-troupe-tenant", header::troupe_tenant},
}};

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9')
    return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// "q=0.5" among the parameters of one Accept element.
double quality_of(std::string_view params) {
  while (!params.empty()) {
    auto param = trim(take_until(params, ';'));
    if (param.size() < 3 || lower(param[0]) != 'q' || param[1] != '=')
      continue;
    double q = 0.0;
    const auto text = param.substr(2);
    const auto [end, ec] =
      std::from_chars(text.data(), text.data() + text.size(), q);
    if (ec != std::errc{} || end != text.data() + text.size() || !(q >= 0.0)
        || q > 1.0)
      return 0.0;
    return q;
  }
  return 1.0;
}

} // namespace

std::optional<std::string_view>
http_request::param(std::string_view name) const noexcept {
  for (const auto& x : query)
    if (x.name == name)
      return std::string_view{x.value};
  return std::nullopt;
}

std::optional<header> header_from_name(std::string_view name) noexcept {
  for (const auto& [text, h] : header_names)
    if (text.size() == name.size() && equal_nocase(text, name))
      return h;
  return std::nullopt;
}

void split_target(http_request& request) {
  std::string_view rest = request.target;
  // Absolute form (RFC 9112 3.2.2): the authority is the Host field's business.
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (rest.size() > scheme.size()
        && equal_nocase(rest.substr(0, scheme.size()), scheme)) {
      const auto slash = rest.find_first_of("/?", scheme.size());
      rest = slash == std::string_view::npos ? std::string_view{"/"}
                                             : rest.substr(slash);
      break;
    }
  }
  const auto path = take_until(rest, '?');
  request.path = path.empty() ? "/" : std::string{path};
  while (!rest.empty()) {
    auto pair = take_until(rest, '&');
    if (pair.empty())
      continue;
    const auto name = take_until(pair, '=');
    request.query.push_back(
      {percent_decode(name, true), percent_decode(pair, true)});
  }
}

std::string percent_decode(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += plus_is_blank && text[i] == '+' ? ' ' : text[i];
  }
  return out;
}

double accept_quality(std::string_view accept, std::string_view type,
                      std::string_view subtype) {
  if (trim(accept).empty())
    return 1.0;
  // The most specific range decides: exact, then type/*, then */*.
  double quality = 0.0;
  int best = 0;
  while (!accept.empty()) {
    auto element = trim(take_until(accept, ','));
    auto range = trim(take_until(element, ';'));
    const auto range_type = trim(take_until(range, '/'));
    const auto range_subtype = trim(range);
    int rank = 0;
    if (equal_nocase(range_type, type) && equal_nocase(range_subtype, subtype))
      rank = 3;
    else if (equal_nocase(range_type, type) && range_subtype == "*")
      rank = 2;
    else if (range_type == "*" && range_subtype == "*")
      rank = 1;
    if (rank > best) {
      best = rank;
      quality = quality_of(element);
    }
  }
  return quality;
}

bool is_json_content_type(std::string_view value) {
  return equal_nocase(trim(take_until(value, ';')), "application/json");
}

preferences parse_prefer(std::string_view value) {
  preferences found;
  while (!value.empty()) {
    auto item = trim(take_until(value, ','));
    item = trim(take_until(item, ';'));
    if (equal_nocase(item, "respond-async")) {
      found.respond_async = true;
      continue;
    }
    const auto name = trim(take_until(item, '='));
    if (!equal_nocase(name, "wait") || found.wait_s)
      continue;
    // Anything that is no number is ignored, as the RFC wants.
    const auto digits = trim(item);
    if (const auto n = parse_digits(digits))
      found.wait_s = static_cast<uint32_t>(std::min<uint64_t>(*n, 60));
  }
  return found;
}

bool equal_nocase(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

std::string_view take_until(std::string_view& rest, char separator) noexcept {
  const auto at = rest.find(separator);
  const auto part = rest.substr(0, at);
  rest =
    at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return part;
}

std::optional<uint64_t> parse_digits(std::string_view text) noexcept {
  uint64_t n = 0;
  const auto* last = text.data() + text.size();
  if (text.empty() || text.front() < '0' || text.front() > '9')
    return std::nullopt;
  const auto [end, ec] = std::from_chars(text.data(), last, n);
  if (ec != std::errc{} || end != last)
    return std::nullopt;
  return n;
}

} // namespace troupe::gateway
