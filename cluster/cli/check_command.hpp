// `troupe check`: says what a configuration means, or what is wrong with it.
// Starts nothing.
#pragma once

#include "cluster/cli/cli_context.hpp"
#include "cluster/cli/exit_code.hpp"

#include <string>

namespace troupe::cluster {

struct check_options {
  std::string file; ///< Empty: the built-in demo.
  bool schema = false;
  bool json = false;
};

exit_code run_check(const check_options& options, const cli_context& context);

} // namespace troupe::cluster
