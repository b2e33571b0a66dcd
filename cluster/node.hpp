// One node from configuration to exit: store, actor system, supervision tree,
// gateway; then signals, drain and stop. Exit codes as in docs/cli.md.
#pragma once

#include <string>

namespace troupe::cluster {

struct node_options {
  std::string config_file; ///< Empty: the built-in demo configuration.
  std::string executable;  ///< Path of the running program.
};

/// Blocks until the node has stopped. Returns the process's exit code: 0 drained,
/// 1 unexpected, 2 configuration, 11 store fail-stop, 13 root supervisor gave
/// up.
int run_node(const node_options& options);

} // namespace troupe::cluster
