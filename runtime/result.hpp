// How an operation that can fail answers: a value or a failure. Nothing in
// Troupe throws except TROUPE_ASSERT, which ends the actor that broke an
// invariant.
#pragma once

#include "runtime/errc.hpp"

#include <boost/system/result.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace troupe::runtime {

/// Why something failed: the code for machines, the context for people (what
/// and where, no secrets, no job text).
struct failure {
  errc code = errc::internal;
  std::string context;

  friend bool operator==(const failure&, const failure&) = default;
};

/// Thrown when `.value()` is called on a failed result; a broken invariant.
[[noreturn]] void throw_exception_from_error(const failure& error,
                                             const boost::source_location& loc);

template <class T>
using result = boost::system::result<T, failure>;

inline failure fail(errc code, std::string context = {}) {
  return failure{code, std::move(context)};
}

/// What TROUPE_ASSERT throws. Caught nowhere but in an actor's exception
/// handler and in `main`.
class broken_invariant : public std::logic_error {
public:
  using std::logic_error::logic_error;
};

namespace detail {
[[noreturn]] void assertion_failed(const char* condition, const char* file,
                                   int line);
} // namespace detail

} // namespace troupe::runtime

/// On in release builds too. Never assert on what a client, disk or peer can
/// cause.
#define TROUPE_ASSERT(condition)                                               \
  (static_cast<bool>(condition) ? static_cast<void>(0)                         \
                                : ::troupe::runtime::detail::assertion_failed( \
                                  #condition, __FILE__, __LINE__))
