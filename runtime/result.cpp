#include "runtime/result.hpp"

namespace troupe::runtime {

void throw_exception_from_error(const failure& error,
                                const boost::source_location& loc) {
  throw broken_invariant{"value() of a failed result: "
                         + std::string{to_string(error.code)} + " ("
                         + error.context + ") at " + loc.to_string()};
}

namespace detail {

void assertion_failed(const char* condition, const char* file, int line) {
  throw broken_invariant{"broken invariant: " + std::string{condition} + " at "
                         + file + ":" + std::to_string(line)};
}

} // namespace detail
} // namespace troupe::runtime
