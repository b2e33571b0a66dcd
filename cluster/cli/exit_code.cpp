#include "cluster/cli/exit_code.hpp"

#include "runtime/result.hpp"

namespace troupe::cluster {

exit_code exit_code_of_status(unsigned status) noexcept {
  switch (status) {
    case 401:
    case 403:
      return exit_code::unauthorized;
    case 404:
    case 410:
      return exit_code::missing;
    case 429:
    case 503:
      return exit_code::try_later;
    default:
      return status >= 400 && status < 500 ? exit_code::refused
                                           : exit_code::unexpected;
  }
}

exit_code exit_code_of_job(std::string_view status) noexcept {
  if (status == "completed")
    return exit_code::done;
  if (status == "incomplete")
    return exit_code::job_incomplete;
  if (status == "failed" || status == "expired" || status == "cancelled")
    return exit_code::job_failed;
  return exit_code::unexpected;
}

void throw_exception_from_error(const cli_failure& error,
                                const boost::source_location& loc) {
  runtime::throw_exception_from_error(
    runtime::fail(runtime::errc::internal, error.message), loc);
}

} // namespace troupe::cluster
