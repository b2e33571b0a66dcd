// Starts children, watches them, starts them again within their budget, stops
// them in reverse order. What it does is decided by runtime/overload/
// supervision_plan; this is the shell that spawns, monitors and sends. The only
// kind of actor that monitors long-lived actors. When its own budget is spent it
// dies and its parent decides; the root ends the process (exit 13).
#pragma once

#include "actors/actor_env.hpp"
#include "actors/inspectable.hpp"
#include "actors/messages.hpp"
#include "runtime/overload/supervision_plan.hpp"

#include <caf/actor.hpp>

#include <functional>
#include <string>
#include <vector>

namespace troupe::actors {

using supervisor_actor = caf::typed_actor<
  // To itself, when a backoff or a stop deadline ends.
  caf::result<void>(supervise_tick_atom, uint64_t),
  // End all children in reverse order, then yourself.
  caf::result<void>(stop_children),
  // The allocator: which children are wanted.
  caf::result<void>(wake_child), caf::result<void>(rest_child),
  // Restart nothing from now on; passed on to the children.
  caf::result<void>(drain_atom)>::extend_with<inspectable_actor>;

/// Spawns the child of the given generation. The spec's name is its name in the
/// directory. A null handle is a failed start.
using child_factory = std::function<caf::actor(uint64_t generation)>;

struct supervised_child {
  runtime::child_spec spec;
  child_factory start;
  bool takes_drain = false; ///< Its protocol has drain_atom.
  /// Whether it is wanted when its supervisor starts; null: always.
  std::function<bool()> awake = {};
};

struct supervisor_config {
  std::string name; ///< In the directory: supervisor/<name>.
  runtime::supervision_strategy strategy =
    runtime::supervision_strategy::one_for_one;
  runtime::restart_intensity intensity = runtime::supervisor_intensity;
  std::vector<supervised_child> children;
  std::string listener; ///< Directory name of who gets child_notice; or empty.
  bool root = false;    ///< Shows the node's liveness; its death is fatal.
};

supervisor_actor spawn_supervisor(actor_env& env, supervisor_config config,
                                  uint64_t generation);

} // namespace troupe::actors
