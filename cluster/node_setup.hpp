// Translates the configuration into what the parts of a node take: engine
// factories, limits, CAF's settings. No decisions of its own.
#pragma once

#include "cluster/node_tree.hpp"
#include "runtime/config.hpp"
#include "runtime/storage/store.hpp"

#include <caf/actor_system_config.hpp>

#include <memory>
#include <string>

namespace troupe::cluster {

/// Opens or creates the configured store.
runtime::result<std::unique_ptr<runtime::store>>
open_store(const runtime::config& config);

/// With `default` among them.
std::vector<runtime::tenant_limits> tenants_of(const runtime::config& config);

/// `executable`: where troupe-engine is looked for, unless configured.
tree_config make_tree_config(const runtime::config& config,
                             const std::string& executable);

/// CAF's own settings; the reasons stand in docs/adr/0001-accept-road.md.
void configure_caf(caf::actor_system_config& caf);

} // namespace troupe::cluster
