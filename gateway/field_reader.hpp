// Reads the members of one JSON object and collects what is wrong with them, so
// that a client learns of every mistake at once.
#pragma once

#include "gateway/problem.hpp"

#include <boost/json/value.hpp>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::gateway {

struct number_range {
  double min = 0.0;
  double max = 0.0;
};
struct integer_range {
  int64_t min = 0;
  int64_t max = 0;
};

/// One object. A method returns nothing when the member is absent or wrong; the
/// latter adds an error. Call `finish` last: it names unknown members.
class field_reader {
public:
  /// `pointer`: of the object, "" for the document. All outlive the reader.
  field_reader(const boost::json::object& object, std::string pointer,
               std::vector<field_error>& errors);

  const boost::json::value* member(std::string_view name);
  std::optional<std::string> text(std::string_view name, size_t chars_min,
                                  size_t chars_max);
  std::optional<double> number(std::string_view name, number_range range);
  std::optional<int64_t> integer(std::string_view name, integer_range range);
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::string>
  choice(std::string_view name, std::initializer_list<std::string_view> words);
  const boost::json::object* object(std::string_view name);
  const boost::json::array* array(std::string_view name);

  /// Adds an error for the member.
  void wrong(std::string_view name, std::string detail);
  /// Refuses the member if it is present.
  void not_supported(std::string_view name);
  std::string pointer_to(std::string_view name) const;
  /// Reports every member that nobody asked for.
  void finish();

private:
  const boost::json::object& object_;
  std::string pointer_;
  std::vector<field_error>& errors_;
  std::vector<std::string_view> known_;
};

/// What is said about a documented field that this version does not have.
constexpr std::string_view not_supported_yet =
  "is not supported yet by this version";

/// Unicode characters of valid UTF-8.
size_t count_chars(std::string_view text) noexcept;

} // namespace troupe::gateway
