// The parts of a node that runs, and their order: store, actors, gateway up;
// gateway, actors, store down. Owned by run_node; tests start whole processes.
#pragma once

#include "cluster/node_setup.hpp"
#include "gateway/server.hpp"
#include "runtime/config.hpp"

#include <functional>
#include <memory>
#include <string>

namespace troupe::cluster {

/// How long each phase of a drain may take.
struct drain_plan {
  runtime::duration unready{0}; ///< /readyz says no, work is still taken.
  runtime::duration finish{0};  ///< What runs may end; the rest is parked.
  runtime::duration stop{0};    ///< Actors end in reverse order.
};

class running_node {
public:
  running_node(runtime::config config, std::unique_ptr<runtime::store> store,
               std::string executable);
  ~running_node();

  /// Starts everything and waits until the shards have loaded. A quarantined
  /// shard or a port in use is a failure that says so.
  runtime::result<gateway::bound_addresses> start();

  /// One JSON line on stdout and data_dir/listening.json.
  void announce(const gateway::bound_addresses& bound) const;

  /// Blocks until everything has ended. `hurry` true: skip to the stop phase.
  void drain(const drain_plan& plan, const std::function<bool()>& hurry);

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace troupe::cluster
