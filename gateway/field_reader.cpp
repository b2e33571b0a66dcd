#include "gateway/field_reader.hpp"

#include "gateway/json_writer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace troupe::gateway {

namespace json = boost::json;

namespace {

std::string to_text(double value) {
  std::string out;
  json_writer{out}.number(value);
  return out;
}

// Integers and integral doubles: JSON itself knows only numbers.
std::optional<int64_t> as_integer(const json::value& value) {
  if (value.is_int64())
    return value.get_int64();
  if (value.is_uint64()
      && value.get_uint64()
           <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    return static_cast<int64_t>(value.get_uint64());
  if (value.is_double()) {
    const double d = value.get_double();
    if (std::abs(d) <= 0x1.0p53 && std::trunc(d) == d)
      return static_cast<int64_t>(d);
  }
  return std::nullopt;
}

} // namespace

field_reader::field_reader(const json::object& object, std::string pointer,
                           std::vector<field_error>& errors)
  : object_{object}, pointer_{std::move(pointer)}, errors_{errors} {
  known_.reserve(20);
}

const json::value* field_reader::member(std::string_view name) {
  known_.push_back(name);
  return object_.if_contains(name);
}

void field_reader::wrong(std::string_view name, std::string detail) {
  errors_.push_back({pointer_to(name), std::move(detail)});
}

std::string field_reader::pointer_to(std::string_view name) const {
  std::string pointer = pointer_ + '/';
  for (const char c : name) {
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
  return pointer;
}

std::optional<std::string>
field_reader::text(std::string_view name, size_t chars_min, size_t chars_max) {
  const auto* value = member(name);
  if (!value)
    return std::nullopt;
  if (!value->is_string()) {
    wrong(name, "must be a string");
    return std::nullopt;
  }
  const std::string_view text{value->get_string()};
  const auto chars = count_chars(text);
  if (chars < chars_min || chars > chars_max) {
    wrong(name, "must have " + std::to_string(chars_min) + " to "
                  + std::to_string(chars_max) + " characters");
    return std::nullopt;
  }
  return std::string{text};
}

std::optional<double> field_reader::number(std::string_view name,
                                           number_range range) {
  const auto* value = member(name);
  if (!value)
    return std::nullopt;
  double d = std::numeric_limits<double>::quiet_NaN();
  if (value->is_int64())
    d = static_cast<double>(value->get_int64());
  else if (value->is_uint64())
    d = static_cast<double>(value->get_uint64());
  else if (value->is_double())
    d = value->get_double();
  // Written so that NaN fails.
  if (!(d >= range.min && d <= range.max)) {
    wrong(name, "must be a number from " + to_text(range.min) + " to "
                  + to_text(range.max));
    return std::nullopt;
  }
  return d;
}

std::optional<int64_t> field_reader::integer(std::string_view name,
                                             integer_range range) {
  const auto* value = member(name);
  if (!value)
    return std::nullopt;
  const auto n = as_integer(*value);
  if (!n || *n < range.min || *n > range.max) {
    wrong(name, "must be an integer from " + std::to_string(range.min) + " to "
                  + std::to_string(range.max));
    return std::nullopt;
  }
  return n;
}

std::optional<bool> field_reader::boolean(std::string_view name) {
  const auto* value = member(name);
  if (!value)
    return std::nullopt;
  if (!value->is_bool()) {
    wrong(name, "must be true or false");
    return std::nullopt;
  }
  return value->get_bool();
}

std::optional<std::string>
field_reader::choice(std::string_view name,
                     std::initializer_list<std::string_view> words) {
  const auto* value = member(name);
  if (!value)
    return std::nullopt;
  if (value->is_string()) {
    const std::string_view text{value->get_string()};
    if (std::find(words.begin(), words.end(), text) != words.end())
      return std::string{text};
  }
  std::string list;
  for (const auto word : words)
    list.append(list.empty() ? "" : ", ").append(word);
  wrong(name, "must be one of: " + list);
  return std::nullopt;
}

const json::object* field_reader::object(std::string_view name) {
  const auto* value = member(name);
  if (!value)
    return nullptr;
  if (!value->is_object()) {
    wrong(name, "must be an object");
    return nullptr;
  }
  return &value->get_object();
}

const json::array* field_reader::array(std::string_view name) {
  const auto* value = member(name);
  if (!value)
    return nullptr;
  if (!value->is_array()) {
    wrong(name, "must be an array");
    return nullptr;
  }
  return &value->get_array();
}

void field_reader::not_supported(std::string_view name) {
  if (member(name))
    wrong(name, std::string{not_supported_yet});
}

void field_reader::finish() {
  for (const auto& x : object_) {
    const std::string_view name{x.key()};
    if (std::find(known_.begin(), known_.end(), name) == known_.end())
      wrong(name, "is not a known field");
  }
}

size_t count_chars(std::string_view text) noexcept {
  return static_cast<size_t>(
    std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

} // namespace troupe::gateway
