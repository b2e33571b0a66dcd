// What the command line runs on: streams, environment, a way to be interrupted.
// Production passes the process's own, tests pass theirs.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace troupe::cluster {

struct cli_context {
  std::istream& in;
  std::ostream& out; ///< Data.
  std::ostream& err; ///< Progress and errors.
  bool out_is_terminal = false;
  bool in_is_terminal = false;
  std::function<std::optional<std::string>(const std::string& name)>
    environment;
  /// From now on Ctrl-C does not end the process but makes the returned
  /// descriptor readable (-1: it cannot). Called before the first connection;
  /// may be empty.
  std::function<int()> arm_stop;
  std::string executable; ///< Path of the running program.
  /// Runs a node until it stops; empty configuration file: the demo.
  std::function<int(const std::string& config_file)> serve;
};

/// `arguments` without the program's name. Returns the exit code of the table in
/// docs/cli.md; never throws.
int run_cli(const std::vector<std::string>& arguments,
            const cli_context& context);

} // namespace troupe::cluster
