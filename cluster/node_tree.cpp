#include "cluster/node_tree.hpp"

#include "actors/circuit_breaker.hpp"
#include "actors/dispatcher.hpp"
#include "actors/inspector.hpp"
#include "actors/model_worker.hpp"
#include "actors/replay_runner.hpp"
#include "actors/store_reader.hpp"
#include "gateway/actor_port.hpp"
#include "gateway/edited_request.hpp"

#include <caf/actor_cast.hpp>

#include <map>

namespace troupe::cluster {
namespace {

using actors::actor_env;
using actors::directory;
using actors::supervised_child;
using actors::supervisor_config;
using runtime::supervision_strategy;

constexpr runtime::duration no_deadline{0};

template <class Handle>
caf::actor any(const Handle& handle) {
  return caf::actor_cast<caf::actor>(handle);
}

/// A supervisor as a child of another.
supervised_child nested(actor_env& env, supervisor_config config,
                        bool essential) {
  auto name = "supervisor/" + config.name;
  return {.spec = {.name = name,
                   .essential = essential,
                   .stop_deadline = no_deadline},
          .start =
            [&env, config](uint64_t generation) {
              return any(actors::spawn_supervisor(env, config, generation));
            },
          .takes_drain = true};
}

supervisor_config telemetry(actor_env& env, const tree_config& config) {
  return {.name = "telemetry",
          .children = {
            {.spec = {.name = "inspector"},
             .start =
               [&env](uint64_t generation) {
                 return any(actors::spawn_inspector(env, generation));
               }},
            {.spec = {.name = "memory_watch"},
             .start = [&env, settings = config.memory](uint64_t generation) {
               return any(
                 actors::spawn_memory_watch(env, settings, generation));
             }}}};
}

supervised_child shard_child(actor_env& env, const tree_config& config,
                             runtime::shard_id shard) {
  return {.spec = {.name = directory::shard_name(shard),
                   .essential = true,
                   .stop_deadline = std::chrono::seconds{30}},
          .start = [&env, shard, settings = config.shard](uint64_t generation) {
            return any(
              actors::spawn_queue_shard(env, shard, settings, generation));
          }};
}

/// How a run's edit is applied: as a client's would be.
auto edit_for_runs(actor_env& env) {
  return [&env](const runtime::job_spec& stored, const std::string& edit) {
    auto node = gateway::board_status{env, {}}.status();
    return gateway::edited_request(stored, edit, node.models, node.aliases);
  };
}

supervisor_config data(actor_env& env, runtime::tiered_store& store,
                       const tree_config& config) {
  supervisor_config result{.name = "data",
                           .strategy = supervision_strategy::rest_for_one};
  result.children.push_back(
    {.spec = {.name = "journal", .essential = true},
     .start = [&env, &store, settings = config.journal](uint64_t generation) {
       return any(actors::spawn_journal(env, store, settings, generation));
     }});
  result.children.push_back(
    {.spec = {.name = "journal/ephemeral"},
     .start = [&env, &store](uint64_t generation) {
       return any(actors::spawn_journal(env, store.ephemeral(),
                                        {.ephemeral = true}, generation));
     }});
  for (size_t i = 0; i < actors::store_readers; ++i)
    result.children.push_back(
      {.spec = {.name = directory::reader_name(i)},
       .start = [&env, &store, i](uint64_t generation) {
         return any(actors::spawn_store_reader(env, store, i, generation));
       }});
  supervisor_config shards{.name = "shards"};
  for (uint16_t k = 0; k < config.shards; ++k)
    shards.children.push_back(shard_child(env, config, {k}));
  result.children.push_back(nested(env, std::move(shards), true));
  result.children.push_back(
    {.spec = {.name = "replay_runner"}, .start = [&env](uint64_t generation) {
       return any(actors::spawn_replay_runner(env, {.edit = edit_for_runs(env)},
                                              generation));
     }});
  return result;
}

using rosters =
  std::map<std::string, std::shared_ptr<runtime::pool_roster>, std::less<>>;

/// How the pools' workers are dealt at first.
rosters make_rosters(const tree_config& config) {
  rosters made;
  for (const auto& pool : config.pools) {
    std::vector<runtime::pool_share> shares;
    for (const auto& m : pool.models) {
      bool trial = m.kind == runtime::model_kind::experimental;
      shares.push_back({.model = m.name,
                        .workers_min = trial ? 0 : m.workers_min,
                        .workers_max = m.workers_max,
                        .waits = trial});
    }
    made[pool.name] = std::make_shared<runtime::pool_roster>(
      runtime::deal_workers(pool.workers, shares));
  }
  return made;
}

supervised_child allocator_child(actor_env& env, const tree_pool& pool,
                                 std::shared_ptr<runtime::pool_roster> roster) {
  actors::allocator_config settings{.pool = pool.name,
                                    .models = pool.models,
                                    .limits = pool.limits,
                                    .drain_max = pool.drain_max,
                                    .roster = std::move(roster)};
  return {.spec = {.name = directory::allocator_name(pool.name)},
          .start = [&env, settings](uint64_t generation) {
            return any(actors::spawn_allocator(env, settings, generation));
          }};
}

supervised_child worker_child(actor_env& env, const tree_model& m, size_t i,
                              const rosters& pools) {
  supervised_child child{
    .spec = {.name = directory::worker_name(m.name, i), .backoff = m.backoff},
    .start = [&env, settings = actors::model_worker_config{
                      .model = m.name,
                      .index = i,
                      .make_engine = m.make_engine,
                      .pool = m.pool}](uint64_t generation) {
      return any(actors::spawn_model_worker(env, settings, generation));
    }};
  if (auto at = pools.find(m.pool); at != pools.end())
    child.awake = [roster = at->second, name = m.name, i] {
      return roster->awake(name, i);
    };
  return child;
}

supervisor_config model(actor_env& env, const tree_config& config,
                        const tree_model& m, const rosters& pools) {
  auto demand = config.demand;
  demand.worker_slots = m.slots;
  supervisor_config result{.name = "model/" + m.name,
                           .listener = directory::dispatcher_name(m.name)};
  result.children.push_back(
    {.spec = {.name = directory::breaker_name(m.name)},
     .start = [&env, settings = actors::circuit_breaker_config{
                       .model = m.name,
                       .settings = config.breaker}](uint64_t generation) {
       return any(actors::spawn_circuit_breaker(env, settings, generation));
     }});
  result.children.push_back(
    {.spec = {.name = directory::dispatcher_name(m.name)},
     .start =
       [&env,
        settings = actors::dispatcher_config{.model = m.name,
                                             .shards = config.shards,
                                             .workers = m.workers,
                                             .dispatch = config.dispatch,
                                             .boost = config.shard.rules->boost,
                                             .prior = m.prior,
                                             .demand = demand,
                                             .rules = config.shard.rules}](
         uint64_t generation) {
         return any(actors::spawn_dispatcher(env, settings, generation));
       },
     .takes_drain = true});
  for (size_t i = 0; i < m.workers; ++i)
    result.children.push_back(worker_child(env, m, i, pools));
  return result;
}

} // namespace

actors::supervisor_actor spawn_node_tree(actor_env& env,
                                         runtime::tiered_store& store,
                                         const tree_config& config) {
  env.board.shards_total = config.shards;
  env.board.set_retry_budget(config.retry_budget);
  supervisor_config compute{.name = "compute"};
  auto pools = make_rosters(config);
  env.board.set_aliases(config.aliases);
  for (const auto& m : config.models) {
    env.board.set_model({.name = m.name,
                         .kind = m.kind,
                         .tasks = m.tasks,
                         .trouble = "loading",
                         .purpose = m.purpose});
    compute.children.push_back(
      nested(env, model(env, config, m, pools), false));
  }
  for (const auto& pool : config.pools)
    compute.children.push_back(allocator_child(env, pool, pools.at(pool.name)));
  supervisor_config root{
    .name = "root", .intensity = runtime::root_intensity, .root = true};
  root.children.push_back(nested(env, telemetry(env, config), false));
  root.children.push_back(nested(env, data(env, store, config), true));
  root.children.push_back(nested(env, std::move(compute), false));
  auto handle = actors::spawn_supervisor(env, std::move(root), 1);
  env.directory.put("supervisor/root",
                    caf::actor_cast<caf::strong_actor_ptr>(handle), 1);
  return handle;
}

} // namespace troupe::cluster
