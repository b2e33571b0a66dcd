// What a command is given to send: standard input, or JSON from a file. At most
// 64 MiB.
#pragma once

#include "cluster/cli/cli_context.hpp"
#include "cluster/cli/exit_code.hpp"

#include <boost/json/object.hpp>

#include <string>

namespace troupe::cluster {

/// Everything on standard input.
cli_result<std::string> read_stdin(const cli_context& context);

/// One JSON object; `-` is standard input.
cli_result<boost::json::object> read_body_file(const std::string& path,
                                               const cli_context& context);

} // namespace troupe::cluster
