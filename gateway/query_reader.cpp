#include "gateway/query_reader.hpp"

#include "gateway/field_reader.hpp"
#include "gateway/job_request.hpp"

#include <algorithm>

namespace troupe::gateway {

std::optional<std::string_view> query_reader::text(std::string_view name) {
  const auto values = all(name);
  if (values.size() > 1)
    wrong(name, "must occur once");
  if (values.empty())
    return std::nullopt;
  return values.front();
}

std::vector<std::string_view> query_reader::all(std::string_view name) {
  known_.push_back(name);
  std::vector<std::string_view> values;
  for (const auto& x : request_.query)
    if (x.name == name)
      values.push_back(x.value);
  return values;
}

std::optional<uint64_t> query_reader::natural(std::string_view name,
                                              uint64_t min, uint64_t max) {
  const auto value = text(name);
  if (!value)
    return std::nullopt;
  const auto n = parse_digits(*value);
  if (!n || *n < min || *n > max) {
    wrong(name, "must be an integer from " + std::to_string(min) + " to "
                  + std::to_string(max));
    return std::nullopt;
  }
  return n;
}

std::optional<bool> query_reader::boolean(std::string_view name) {
  const auto value = text(name);
  if (!value)
    return std::nullopt;
  if (*value == "true" || *value == "1")
    return true;
  if (*value == "false" || *value == "0")
    return false;
  wrong(name, "must be true or false");
  return std::nullopt;
}

void query_reader::wrong(std::string_view name, std::string detail) {
  errors_.push_back({"?" + std::string{name}, std::move(detail)});
}

void query_reader::not_supported(std::string_view name) {
  if (!all(name).empty())
    wrong(name, std::string{not_supported_yet});
}

std::optional<problem> query_reader::finish() {
  for (const auto& x : request_.query)
    if (std::find(known_.begin(), known_.end(), x.name) == known_.end())
      wrong(x.name, "is not a known parameter");
  if (errors_.empty())
    return std::nullopt;
  return validation_problem(std::move(errors_));
}

} // namespace troupe::gateway
