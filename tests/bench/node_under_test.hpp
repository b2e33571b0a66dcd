// The real node as a bench runs it: `troupe serve -c` on a generated
// configuration with one simulated model `sim`, ports chosen by the kernel.
#pragma once

#include "tests/bench/child_process.hpp"
#include "tests/bench/report.hpp"

#include <memory>
#include <string>

namespace troupe::bench {

struct node_setup {
  std::string dir;         ///< Holds the configuration, the data, the log.
  uint32_t slots = 1;      ///< Of the simulated model, 1..1024.
  double service_s = 3600; ///< Time on a slot unless a job says otherwise.
  uint32_t tokens = 20;
  std::string order = "mean";       ///< Of the queue.
  std::string more_scheduling = {}; ///< Lines of that section, indented by 2.
  std::string more_models = {};     ///< Items of that list, likewise.
};

/// Writes the configuration, starts the node and waits until /readyz is 200.
/// Throws std::runtime_error with the log's path when it does not come up.
std::unique_ptr<child_process> start_node(const bench_options& options,
                                          const node_setup& setup);

/// Polls /readyz every millisecond; seconds from exec to the first 200.
double await_ready(child_process& node, double limit_s);

} // namespace troupe::bench
