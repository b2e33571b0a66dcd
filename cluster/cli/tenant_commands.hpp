// `troupe tenants`.
#pragma once

#include "cluster/cli/api.hpp"

#include <cstdint>
#include <string>

namespace CLI {
class App;
} // namespace CLI

namespace troupe::cluster {

struct tenant_options {
  api_options api;
  std::string name;
  double cost_per_minute = 0; ///< Of budget.
  double burst = 0;
  uint32_t ttl_s = 3600;
  std::string reason;
};

/// Adds the command and its own commands list, budget and reset.
void add_tenants(CLI::App& app, tenant_options& options);

/// Whichever of them was given; list without any.
exit_code run_tenants(const CLI::App& app, const tenant_options& options,
                      const cli_context& context);

} // namespace troupe::cluster
