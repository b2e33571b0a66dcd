#include "gateway/actor_port.hpp"

#include "actors/circuit_breaker.hpp"
#include "actors/queue_shard.hpp"
#include "actors/replay_runner.hpp"
#include "actors/store_reader.hpp"

#include <caf/send.hpp>

namespace troupe::gateway {

using namespace std::chrono_literals;
using runtime::errc;
using runtime::job_id;
using runtime::shard_id;
using runtime::sink_ref;

actor_port::actor_port(actors::actor_env& env, uint16_t shards)
  : env_{env}, shards_{shards} {}

void actor_port::submit(runtime::job_spec spec, submit_options options,
                        sink_ref reply) {
  auto shard = choose_shard(options);
  to_shard(shard,
           actors::submit_job{
             .spec = std::make_shared<runtime::job_spec>(std::move(spec)),
             .who = {.key = std::move(options.idempotency_key),
                     .fingerprint = std::move(options.fingerprint)},
             .reply = reply},
           reply);
}

void actor_port::estimate(runtime::job_spec spec, sink_ref reply) {
  to_shard(choose_shard({}),
           actors::estimate_job{
             .spec = std::make_shared<runtime::job_spec>(std::move(spec)),
             .reply = reply},
           reply);
}

void actor_port::get(job_id id, std::string tenant,
                     std::optional<uint32_t> if_version, sink_ref reply) {
  to_shard(id.shard(),
           actors::get_job{.id = id,
                           .tenant = std::move(tenant),
                           .if_version = if_version,
                           .reply = reply,
                           .standing = std::nullopt},
           reply);
}

void actor_port::watch(job_id id, std::string tenant, sink_ref reply) {
  to_shard(id.shard(), actors::watch_job{id, std::move(tenant), reply}, reply);
}

void actor_port::forget(job_id id, sink_ref reply) {
  to_shard(id.shard(), actors::forget_reader{id, reply}, {});
}

void actor_port::cancel(job_id id, std::string tenant, std::string reason,
                        sink_ref reply) {
  to_shard(id.shard(),
           actors::cancel_job{id, std::move(tenant), std::move(reason), reply},
           reply);
}

void actor_port::read_events(job_id id, std::string tenant, uint64_t from_seq,
                             uint32_t limit, sink_ref reply) {
  to_reader(id,
            actors::read_events{id, std::move(tenant), from_seq, limit, reply},
            reply);
}

void actor_port::read_output(job_id id, std::string tenant, sink_ref reply) {
  to_reader(id, actors::read_output{id, std::move(tenant), reply}, reply);
}

void actor_port::replay_letter(job_id id, runtime::job_spec spec,
                               submit_options options, sink_ref reply) {
  auto tenant = spec.tenant;
  to_shard(id.shard(),
           actors::settle_letter{
             .id = id,
             .tenant = std::move(tenant),
             .replay = std::make_shared<runtime::job_spec>(std::move(spec)),
             .who = {.key = std::move(options.idempotency_key),
                     .fingerprint = std::move(options.fingerprint)},
             .reply = reply,
             .found = std::nullopt},
           reply);
}

void actor_port::drop_letter(job_id id, std::string tenant, sink_ref reply) {
  to_shard(id.shard(),
           actors::settle_letter{.id = id,
                                 .tenant = std::move(tenant),
                                 .replay = nullptr,
                                 .reply = reply,
                                 .found = std::nullopt},
           reply);
}

void actor_port::start_run(runtime::replay_run run, sink_ref reply) {
  to_runner(actors::start_run{std::move(run), reply}, reply);
}

void actor_port::steer_run(job_id id, std::string tenant, run_steering what,
                           double rate_per_s, sink_ref reply) {
  auto order = actors::run_order::rate;
  if (what == run_steering::pause)
    order = actors::run_order::pause;
  else if (what == run_steering::resume)
    order = actors::run_order::resume;
  else if (what == run_steering::cancel)
    order = actors::run_order::cancel;
  to_runner(actors::steer_run{.id = id,
                              .tenant = std::move(tenant),
                              .what = order,
                              .rate_per_s = rate_per_s,
                              .reply = reply},
            reply);
}

void actor_port::list_runs(std::string tenant, sink_ref reply) {
  to_runner(actors::list_runs{std::move(tenant), reply}, reply);
}

void actor_port::list(runtime::job_query query, sink_ref reply) {
  // Any reader serves a list; spread them.
  auto turn = next_.fetch_add(1, std::memory_order_relaxed);
  to_reader(job_id{0, turn}, actors::list_jobs{std::move(query), reply}, reply);
}

/// Neighbours in time share a shard, so that a group commit has few batches, each
/// with its ledger line, and wakes few shards.
constexpr uint32_t shard_run = 16;

/// A key always finds the shard that saw it first.
shard_id actor_port::choose_shard(const submit_options& options) {
  uint32_t number = 0;
  if (options.idempotency_key.size() >= 4) {
    for (size_t i = 0; i < 4; ++i)
      number = number << 8 | static_cast<uint8_t>(options.idempotency_key[i]);
  } else {
    number = next_.fetch_add(1, std::memory_order_relaxed) / shard_run;
  }
  return {static_cast<uint16_t>(number % shards_)};
}

template <class Message>
void actor_port::to_shard(shard_id shard, Message message, sink_ref reply) {
  if (shard.value >= shards_) {
    env_.sinks.post(reply,
                    runtime::refused{.why = {errc::not_found, "no such job"}});
    return;
  }
  if (auto handle = env_.directory.shard<actors::queue_shard_actor>(shard)) {
    caf::anon_send(handle, std::move(message));
    return;
  }
  env_.sinks.post(reply, runtime::refused{.why = {errc::shard_unavailable,
                                                  "the shard is restarting"},
                                          .retry_after_s = 1});
}

template <class Message>
void actor_port::to_runner(Message message, sink_ref reply) {
  auto runner =
    env_.directory.find<actors::replay_runner_actor>("replay_runner");
  if (runner) {
    caf::anon_send(runner, std::move(message));
    return;
  }
  env_.sinks.post(reply,
                  runtime::refused{.why = {errc::shard_unavailable,
                                           "the replay runner is restarting"},
                                   .retry_after_s = 1});
}

template <class Message>
void actor_port::to_reader(job_id id, Message message, sink_ref reply) {
  if (auto reader = actors::reader_of(env_, id)) {
    caf::anon_send(reader, std::move(message));
    return;
  }
  env_.sinks.post(reply, runtime::refused{
                           .why = {errc::shard_unavailable, "no reader serves"},
                           .retry_after_s = 1});
}

std::vector<breaker_info> actor_breakers::breakers() const {
  std::vector<breaker_info> all;
  for (const auto& line : env_.board.models())
    all.push_back({line.name, env_.board.breaker(line.name)});
  return all;
}

void actor_breakers::force(const std::string& target, breaker_order order,
                           sink_ref reply) {
  tell(target,
       actors::force_breaker{.state = order.state,
                             .ttl = order.ttl,
                             .reason = std::move(order.reason),
                             .reply = reply},
       reply);
}

void actor_breakers::reset(const std::string& target, std::string reason,
                           sink_ref reply) {
  tell(target,
       actors::reset_breaker{.reason = std::move(reason), .reply = reply},
       reply);
}

template <class Message>
void actor_breakers::tell(const std::string& target, Message message,
                          sink_ref reply) {
  auto name = actors::directory::breaker_name(target);
  if (auto b = env_.directory.find<actors::circuit_breaker_actor>(name)) {
    caf::anon_send(b, std::move(message));
    return;
  }
  env_.sinks.post(reply, runtime::refused{.why = {errc::model_unavailable,
                                                  "the breaker is restarting"},
                                          .retry_after_s = 1});
}

board_status::board_status(actors::actor_env& env, runtime::store_health store)
  : env_{env}, store_{std::move(store)} {}

node_status board_status::status() const {
  const auto& board = env_.board;
  node_status s{.unready = board.unready,
                .draining = board.draining,
                .store_writable = board.storage_ok,
                .memory = board.memory,
                .shards_ready = board.shards_ready,
                .shards_total = board.shards_total,
                .store = store_,
                .models = {}};
  s.store.free_bytes = board.free_bytes;
  for (auto& line : board.models())
    s.models.push_back(model_info{.name = line.name,
                                  .kind = line.kind,
                                  .tasks = line.tasks,
                                  .context_length = line.context_length,
                                  .ready = line.ready,
                                  .breaker = line.breaker,
                                  .purpose = line.purpose,
                                  .loaded = line.loaded});
  for (auto& line : board.aliases())
    s.aliases.push_back({.name = std::move(line.name),
                         .models = std::move(line.models),
                         .intent = line.intent});
  return s;
}

bool board_status::alive() const {
  auto now = env_.mono().time_since_epoch();
  runtime::duration seen{env_.board.root_seen_us.load()};
  return now - seen < 1s;
}

} // namespace troupe::gateway
