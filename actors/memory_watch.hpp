// Measures once a second what the node's process holds and says on the board how
// full that is. Supervised by the telemetry supervisor; while it is being
// restarted the last level stays.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/inspectable.hpp"
#include "actors/messages.hpp"

#include <functional>

namespace troupe::actors {

using memory_watch_actor = caf::typed_actor<caf::result<void>(
  memory_tick_atom)>::extend_with<inspectable_actor>;

struct memory_watch_config {
  uint64_t bytes_max = 0; ///< 0: no limit.
  /// What the process holds now, in bytes; must not block.
  std::function<uint64_t()> measure;
};

memory_watch_actor spawn_memory_watch(actor_env& env,
                                      memory_watch_config config,
                                      uint64_t generation);

} // namespace troupe::actors
