// Reads query parameters and collects what is wrong with them, as field_reader
// does for bodies. Pointers of errors are `?name`.
#pragma once

#include "gateway/http_request.hpp"
#include "gateway/problem.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::gateway {

class query_reader {
public:
  /// `request` outlives the reader.
  explicit query_reader(const http_request& request) : request_{request} {}

  /// The parameter's only value; an error when it is repeated.
  std::optional<std::string_view> text(std::string_view name);
  /// All values, in order.
  std::vector<std::string_view> all(std::string_view name);
  std::optional<uint64_t> natural(std::string_view name, uint64_t min,
                                  uint64_t max);
  std::optional<bool> boolean(std::string_view name);
  void wrong(std::string_view name, std::string detail);
  void not_supported(std::string_view name);
  const http_request& request() const noexcept { return request_; }
  /// Reports parameters that nobody asked for; a problem if anything is wrong.
  std::optional<problem> finish();

private:
  const http_request& request_;
  std::vector<field_error> errors_;
  std::vector<std::string_view> known_;
};

} // namespace troupe::gateway
