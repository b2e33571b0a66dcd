// Brings what the node's board, its actors and its gateway count into the
// metrics registry, at each scrape.
#pragma once

#include "actors/actor_env.hpp"
#include "gateway/gateway_counters.hpp"
#include "runtime/metrics.hpp"

namespace troupe::cluster {

/// Everything outlives the last scrape.
void collect_node(runtime::metrics& metrics, actors::actor_env& env);
void collect_gateway(runtime::metrics& metrics,
                     const gateway::gateway_counters& counters);

} // namespace troupe::cluster
