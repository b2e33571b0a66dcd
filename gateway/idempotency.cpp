#include "gateway/idempotency.hpp"

#include "gateway/job_request.hpp"
#include "gateway/json_reader.hpp"
#include "runtime/sha256.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::gateway {

namespace {

constexpr size_t key_max = 255; ///< Characters.

// The key as sent, or between quotes; nothing when it is malformed.
std::optional<std::string_view> key_of(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  const bool visible = std::all_of(value.begin(), value.end(), [](char c) {
    return c > 0x20 && c < 0x7F && c != '"';
  });
  if (value.empty() || value.size() > key_max || !visible)
    return std::nullopt;
  return value;
}

} // namespace

std::variant<submit_options, problem>
read_idempotency(const exchange& ex, const boost::json::value& body) {
  if (!ex.request.has(header::idempotency_key))
    return submit_options{};
  const auto key = key_of(ex.request.get(header::idempotency_key));
  if (!key)
    return validation_problem(
      {{"Idempotency-Key", "must have 1 to 255 visible ASCII characters"}});
  std::string scope{ex.tenant};
  scope.append(1, '\0').append(ex.request.path).append(1, '\0').append(*key);
  return submit_options{.idempotency_key = runtime::sha256(scope),
                        .fingerprint = runtime::sha256(canonical_json(body))};
}

} // namespace troupe::gateway
