// `troupe breakers`.
#pragma once

#include "cluster/cli/api.hpp"

#include <cstdint>
#include <string>

namespace CLI {
class App;
} // namespace CLI

namespace troupe::cluster {

struct breaker_options {
  api_options api;
  std::string name;
  std::string state; ///< Of force.
  std::string reason;
  uint32_t ttl_s = 600;
};

/// Adds the command and its own commands list, force and reset.
void add_breakers(CLI::App& app, breaker_options& options);

/// Whichever of them was given; list without any.
exit_code run_breakers(const CLI::App& app, const breaker_options& options,
                       const cli_context& context);

} // namespace troupe::cluster
