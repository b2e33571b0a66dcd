// The supervision tree of one node, the same in production, tests and the
// simulation:
//
//   root            one-for-one
//     telemetry     one-for-one   inspector, memory_watch
//     data          rest-for-one  journal, readers, shards (one-for-one),
//                                 replay_runner
//     compute       one-for-one   model/<name> (breaker, dispatcher, workers),
//                                 allocator/<pool>
//
// Starts top down, stops in reverse.
#pragma once

#include "actors/allocator.hpp"
#include "actors/journal.hpp"
#include "actors/memory_watch.hpp"
#include "actors/queue_shard.hpp"
#include "actors/supervisor.hpp"
#include "models/engine.hpp"
#include "runtime/scheduling/dispatch_core.hpp"
#include "runtime/scheduling/queue_policy.hpp"
#include "runtime/storage/tiered_store.hpp"

#include <string>
#include <vector>

namespace troupe::cluster {

/// One configured model and how to make its engines.
struct tree_model {
  std::string name;
  std::string kind; ///< The backend's word, for people.
  std::vector<runtime::task_kind> tasks;
  size_t workers = 1;    ///< 1..64; of one in a pool: the pool's.
  std::string pool = {}; ///< Empty: none.
  uint32_t slots = 1;    ///< Of one worker.
  runtime::model_kind purpose = runtime::model_kind::accurate;
  runtime::cost_prior prior;
  models::engine_factory make_engine;
  /// Between restarts of a worker.
  runtime::backoff_range backoff = runtime::engine_backoff;
};

/// Workers that several models share.
struct tree_pool {
  std::string name;
  size_t workers = 1; ///< 1..64
  std::vector<actors::allocator_model> models;
  runtime::allocator_limits limits;
  runtime::duration drain_max{std::chrono::seconds{60}};
};

struct tree_config {
  uint16_t shards = 64; ///< 1..1024
  actors::memory_watch_config memory;
  actors::journal_config journal;
  actors::queue_shard_config shard;
  runtime::dispatch_settings dispatch;
  runtime::breaker_settings breaker;
  runtime::retry_budget_settings retry_budget;
  std::vector<tree_model> models;
  std::vector<tree_pool> pools;
  std::vector<runtime::alias_line> aliases;
  runtime::demand_settings demand;
};

/// Fills the board's lines, spawns the root and through it everything else.
/// `env` and `store` outlive the actor system.
actors::supervisor_actor spawn_node_tree(actors::actor_env& env,
                                         runtime::tiered_store& store,
                                         const tree_config& config);

} // namespace troupe::cluster
