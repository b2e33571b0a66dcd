#include "cluster/node_setup.hpp"

#include "models/engine_process.hpp"
#include "models/simulated_engine.hpp"
#include "runtime/log.hpp"
#include "runtime/process_memory.hpp"
#include "runtime/storage/memory_store.hpp"
#include "runtime/storage/rocksdb_store.hpp"

#include <algorithm>
#include <filesystem>
#include <thread>

namespace troupe::cluster {
namespace {

using runtime::task_kind;

runtime::class_rules rules_of(const runtime::class_settings& x) {
  return {.slo = x.slo,
          .deadline_default = x.deadline_default,
          .deferral_max = x.deferral_max,
          .backlog_limit = x.backlog_limit};
}

runtime::queue_rules rules_of(const runtime::config& config) {
  const auto& x = config.scheduling;
  std::map<std::string, std::vector<std::string>> fallbacks;
  std::map<std::string, double> prices;
  for (const auto& m : config.models) {
    fallbacks[m.name] = m.fallbacks;
    prices[m.name] = m.price;
  }
  auto tier = [](const runtime::tier_settings& t) {
    return runtime::tier_rules{.weight = t.weight, .backlog_factor = t.factor};
  };
  return {.boost = {.boost_m = x.chosen_boost_m(),
                    .clamp_nats = x.boost_clamp_nats,
                    .limit_max = x.boost_max,
                    .backlog_ewma = x.backlog_ewma},
          .tiers = {tier(x.tiers.flex), tier(x.tiers.standard),
                    tier(x.tiers.priority)},
          .classes = {{"interactive", rules_of(x.classes.interactive)},
                      {"standard", rules_of(x.classes.standard)},
                      {"batch", rules_of(x.classes.batch)}},
          .fallbacks = std::move(fallbacks),
          .prices = std::move(prices),
          .deadline_margin = x.deadline_margin,
          .soft_max_tokens = x.soft_max_tokens};
}

runtime::breaker_settings breaker_of(const runtime::breaker_options& x) {
  return {.window_calls = x.window_calls,
          .calls_min = x.calls_min,
          .failed_share = x.failed_share,
          .slow_share = x.slow_share,
          .slowness = {.factor = x.slow_factor},
          .open_for = {x.open_min, x.open_max},
          .probes = x.probes,
          .half_open_max = x.half_open_max,
          .pause_max = x.pause_max};
}

/// A simulated model's cost is in its settings.
runtime::cost_prior prior_of(const runtime::model_settings& m) {
  if (!m.simulated)
    return {};
  auto tokens = std::max(1.0, static_cast<double>(m.simulated->tokens));
  return {.service = {.base_s = 0,
                      .input_token_s = 0,
                      .output_token_s = m.simulated->median_s / tokens},
          .output_tokens = tokens};
}

runtime::model_kind kind_of(runtime::model_purpose x) {
  switch (x) {
    case runtime::model_purpose::fast:
      return runtime::model_kind::fast;
    case runtime::model_purpose::accurate:
      return runtime::model_kind::accurate;
    case runtime::model_purpose::experimental:
      return runtime::model_kind::experimental;
  }
  return runtime::model_kind::accurate;
}

runtime::request_intent intent_of(runtime::alias_intent x) {
  switch (x) {
    case runtime::alias_intent::fast:
      return runtime::request_intent::fast;
    case runtime::alias_intent::accurate:
      return runtime::request_intent::accurate;
    case runtime::alias_intent::explore:
      return runtime::request_intent::explore;
  }
  return runtime::request_intent::accurate;
}

double seconds(runtime::duration d) {
  return std::chrono::duration<double>(d).count();
}

tree_pool pool_of(const runtime::config& config,
                  const runtime::pool_settings& pool) {
  const auto& x = config.scheduling.allocator;
  tree_pool made{.name = pool.name,
                 .workers = pool.workers,
                 .models = {},
                 .limits = {.gain_min_s = seconds(x.gain_min),
                            .gain_ratio = x.gain_ratio,
                            .experimental_share_max = x.experimental_share_max},
                 .drain_max = x.drain_max};
  auto limit_s = seconds(config.scheduling.classes.standard.backlog_limit)
                 * config.scheduling.tiers.standard.factor;
  for (const auto& m : config.models)
    if (m.pool == pool.name)
      made.models.push_back({.name = m.name,
                             .kind = kind_of(m.purpose),
                             .workers_min = m.workers_min,
                             .workers_max = m.workers_max,
                             .slots = m.slots,
                             .limit_s = limit_s});
  return made;
}

/// The pool's, for each of its models.
size_t workers_of(const runtime::config& config,
                  const runtime::model_settings& m) {
  for (const auto& pool : config.pools)
    if (pool.name == m.pool)
      return pool.workers;
  return m.workers;
}

models::watchdog_config watchdog(const runtime::engine_settings& engine) {
  return {.heartbeat_timeout = engine.heartbeat_timeout,
          .hang_max = engine.hang_max};
}

models::engine_factory simulated(const runtime::model_settings& m,
                                 const runtime::engine_settings& engine) {
  auto s = m.simulated.value_or(runtime::simulated_settings{});
  models::simulated_config config{
    .service = s.service == runtime::service_distribution::constant
                 ? models::service_kind::constant
                 : models::service_kind::lognormal,
    .median_s = s.median_s,
    .p95_s = s.p95_s,
    .tokens = s.tokens,
    .seed = s.seed,
    .slots = m.slots,
    .context_length = m.context_length_max,
    .watchdog = watchdog(engine)};
  return
    [config] { return std::make_unique<models::simulated_engine>(config); };
}

models::engine_factory local(const runtime::model_settings& m,
                             const runtime::engine_settings& engine,
                             const std::string& executable) {
  auto binary = engine.binary;
  if (binary.empty())
    binary = std::filesystem::path{executable}.parent_path() / "troupe-engine";
  models::engine_process_config config{
    .executable = binary,
    .arguments = {},
    .backend = {.kind = std::string{to_string(m.backend)},
                .path = m.path,
                .slots = m.slots,
                .context_length_max = m.context_length_max,
                .prefill_tokens_max = m.prefill_tokens_max,
                .threads = m.threads},
    .watchdog = watchdog(engine),
    .log = [name = m.name](std::string_view line) {
      runtime::log_warn("engine", line, {{"model", name}});
    }};
  return [config] { return std::make_unique<models::engine_process>(config); };
}

/// 80 % of what there is, unless told otherwise.
uint64_t memory_bytes_max(const runtime::node_settings& node) {
  if (node.memory_mib_max > 0)
    return node.memory_mib_max << 20;
  return runtime::memory_bytes_available() / 5 * 4;
}

} // namespace

runtime::result<std::unique_ptr<runtime::store>>
open_store(const runtime::config& config) {
  if (config.store.kind == runtime::store_kind::memory)
    return std::unique_ptr<runtime::store>{
      std::make_unique<runtime::memory_store>()};
  return runtime::open_rocksdb_store(
    {.directory = config.node.data_dir + "/store",
     .shards = static_cast<uint16_t>(config.shards),
     .durability = config.store.durability == runtime::durability_level::os
                     ? runtime::durability::os
                     : runtime::durability::fsync});
}

std::vector<runtime::tenant_limits> tenants_of(const runtime::config& config) {
  auto all = config.tenants;
  bool named = std::any_of(all.begin(), all.end(), [](const auto& t) {
    return t.name == runtime::default_tenant;
  });
  if (!named)
    all.push_back({.name = std::string{runtime::default_tenant}});
  std::vector<runtime::tenant_limits> out;
  for (const auto& t : all) {
    auto [rate, burst] = t.budget;
    out.push_back(
      {.name = t.name,
       .share = t.share,
       .budget = {.cost_per_minute = rate, .burst = burst > 0 ? burst : rate},
       .jobs_max = t.queued_jobs_max > 0
                     ? t.queued_jobs_max
                     : config.scheduling.admission.tenant_queued_max});
  }
  return out;
}

tree_config make_tree_config(const runtime::config& config,
                             const std::string& executable) {
  tree_config tree{.shards = static_cast<uint16_t>(config.shards)};
  tree.journal.free_bytes_min = uint64_t{config.store.free_mib_min} << 20;
  auto share = [&](uint64_t total) {
    return std::max<size_t>(1, (total + config.shards - 1) / config.shards);
  };
  tree.shard.ledger.jobs_max = share(config.queue.queued_jobs_max);
  tree.shard.ledger.specs_resident = share(config.queue.resident_jobs_max);
  tree.shard.job.events_max = config.gateway.limits.events_per_job_max;
  tree.shard.rules =
    std::make_shared<const runtime::queue_rules>(rules_of(config));
  tree.dispatch = {.lease_timeout = config.scheduling.lease_timeout,
                   .gate_slack_jobs = config.scheduling.gate_slack_jobs,
                   .tenant_in_flight_max =
                     config.scheduling.tenant_in_flight_max};
  const auto& scheduling = config.scheduling;
  tree.dispatch.preemption = {.enabled = scheduling.preemption.mode
                                         != runtime::preemption_mode::off,
                              .slice = scheduling.preemption.slice,
                              .stop_ratio = scheduling.preemption.stop_ratio,
                              .parked_max = scheduling.preemption.parked_max};
  tree.demand = {
    .scale = {.target_utilization = scheduling.allocator.target_utilization,
              .drain_target_s = seconds(scheduling.allocator.drain_target)},
    .accurate_high_s = seconds(scheduling.accurate_high)};
  for (const auto& alias : config.aliases)
    tree.aliases.push_back({.name = alias.name,
                            .models = alias.models,
                            .intent = intent_of(alias.intent)});
  for (const auto& pool : config.pools)
    tree.pools.push_back(pool_of(config, pool));
  const auto& retry = config.scheduling.retry;
  tree.shard.job.retry = {.base = retry.base, .cap = retry.cap};
  tree.shard.job.poison_ttl = config.poison.ttl;
  tree.retry_budget = {.share = retry.budget_share,
                       .retries_min = retry.budget_min};
  tree.breaker = breaker_of(config.scheduling.breaker);
  for (const auto& t : config.tenants)
    tree.dispatch.shares[t.name] = t.share;
  tree.memory = {.bytes_max = memory_bytes_max(config.node),
                 .measure = runtime::resident_bytes};
  for (const auto& m : config.models) {
    bool is_simulated = m.backend == runtime::model_backend::simulated;
    tree.models.push_back(
      {.name = m.name,
       .kind = std::string{to_string(m.backend)},
       .tasks = {task_kind::chat, task_kind::complete},
       .workers = workers_of(config, m),
       .pool = m.pool,
       .slots = m.slots,
       .purpose = kind_of(m.purpose),
       .prior = prior_of(m),
       .make_engine = is_simulated ? simulated(m, config.engine)
                                   : local(m, config.engine, executable)});
  }
  return tree;
}

void configure_caf(caf::actor_system_config& caf) {
  caf.set("caf.scheduler.policy", "sharing");
  auto cores = std::max(1u, std::thread::hardware_concurrency());
  caf.set("caf.scheduler.max-threads", std::min(cores, 4u));
  caf.set("caf.scheduler.max-throughput", 100u);
  caf.set("caf.logger.file.verbosity", "quiet");
}

} // namespace troupe::cluster
