// How the `troupe` command ends: the table of docs/cli.md.
#pragma once

#include <string>
#include <string_view>

#include <boost/system/result.hpp>

namespace troupe::cluster {

enum class exit_code : int {
  done = 0,
  unexpected = 1,
  usage = 2,
  unreachable = 3,
  unauthorized = 4, ///< 401, 403
  missing = 5,      ///< 404, 410
  try_later = 6,    ///< 429, 503
  refused = 7,      ///< Other refused requests.
  job_failed = 8,   ///< failed, expired or cancelled
  job_incomplete = 9,
  interrupted = 130
};

/// For a status of 400 and above.
exit_code exit_code_of_status(unsigned status) noexcept;

/// For the status word of an ended job; `unexpected` for any other word.
exit_code exit_code_of_job(std::string_view status) noexcept;

/// Why a command ends early; `message` goes to standard error.
struct cli_failure {
  exit_code code = exit_code::unexpected;
  std::string message;
};
[[noreturn]] void throw_exception_from_error(const cli_failure& error,
                                             const boost::source_location& loc);

template <class T>
using cli_result = boost::system::result<T, cli_failure>;

} // namespace troupe::cluster
