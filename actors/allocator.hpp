// Moves the workers of one pool between the models that share it, by how long
// each model's due work would take (scheduling.md section 8). Decisions:
// runtime/scheduling/pool_moves and allocator_core; this performs their steps.
// Owns no work: workers and their supervisors go on without it, and its successor
// reads from the roster where each worker is. Supervised by the compute
// supervisor.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/inspectable.hpp"
#include "actors/messages.hpp"
#include "runtime/scheduling/pool_moves.hpp"

#include <memory>
#include <string>
#include <vector>

namespace troupe::actors {

using allocator_actor = caf::typed_actor<
  // Workers of the pool: up (again); their engine died.
  caf::result<void>(worker_ready), caf::result<void>(worker_gone),
  // Dispatchers: what still runs on a worker that is to leave.
  caf::result<void>(worker_retired),
  // Supervisors: the worker is stopped.
  caf::result<void>(child_rested),
  // To itself: time to look again.
  caf::result<void>(allocator_tick_atom)>::extend_with<inspectable_actor>;

/// What the pool knows of a model that it can serve.
struct allocator_model {
  std::string name;
  runtime::model_kind kind = runtime::model_kind::accurate;
  uint32_t workers_min = 1;
  uint32_t workers_max = 0; ///< 0: any number.
  uint32_t slots = 1;       ///< Of one worker.
  double limit_s = 600;     ///< See runtime::pool_model.
};

struct allocator_config {
  std::string pool;
  std::vector<allocator_model> models;
  runtime::allocator_limits limits;
  /// How long a worker that is to leave may go on with what it runs; > 0.
  runtime::duration drain_max{std::chrono::seconds{60}};
  std::shared_ptr<runtime::pool_roster> roster;
};

allocator_actor spawn_allocator(actor_env& env, allocator_config config,
                                uint64_t generation);

} // namespace troupe::actors
