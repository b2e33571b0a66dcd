// The arguments of `troupe dlq`.
#pragma once

#include "cluster/cli/dlq_commands.hpp"

namespace CLI {
class App;
}

namespace troupe::cluster {

/// The parser writes into `to`, which outlives it.
void add_dlq(CLI::App& app, dlq_options& to);

} // namespace troupe::cluster
