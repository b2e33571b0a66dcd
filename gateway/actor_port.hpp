// The one bridge from the gateway to the actors: implements job_port with
// one-way messages. Answers come back through the sinks, never through here.
#pragma once

#include "gateway/breaker_port.hpp"
#include "gateway/job_port.hpp"

#include <atomic>
#include <cstdint>
#include <memory>

namespace troupe::actors {
struct actor_env;
} // namespace troupe::actors

namespace troupe::gateway {

/// Thread-safe. `env` outlives it; `shards` >= 1.
class actor_port final : public job_port {
public:
  actor_port(actors::actor_env& env, uint16_t shards);

  void submit(runtime::job_spec spec, submit_options options,
              runtime::sink_ref reply) override;
  void estimate(runtime::job_spec spec, runtime::sink_ref reply) override;
  void get(runtime::job_id id, std::string tenant,
           std::optional<uint32_t> if_version,
           runtime::sink_ref reply) override;
  void watch(runtime::job_id id, std::string tenant,
             runtime::sink_ref reply) override;
  void forget(runtime::job_id id, runtime::sink_ref reply) override;
  void cancel(runtime::job_id id, std::string tenant, std::string reason,
              runtime::sink_ref reply) override;
  void read_events(runtime::job_id id, std::string tenant, uint64_t from_seq,
                   uint32_t limit, runtime::sink_ref reply) override;
  void read_output(runtime::job_id id, std::string tenant,
                   runtime::sink_ref reply) override;
  void replay_letter(runtime::job_id id, runtime::job_spec spec,
                     submit_options options, runtime::sink_ref reply) override;
  void drop_letter(runtime::job_id id, std::string tenant,
                   runtime::sink_ref reply) override;
  void start_run(runtime::replay_run run, runtime::sink_ref reply) override;
  void steer_run(runtime::job_id id, std::string tenant, run_steering what,
                 double rate_per_s, runtime::sink_ref reply) override;
  void list_runs(std::string tenant, runtime::sink_ref reply) override;
  void list(runtime::job_query query, runtime::sink_ref reply) override;

private:
  runtime::shard_id choose_shard(const submit_options& options);
  template <class Message>
  void to_shard(runtime::shard_id shard, Message message,
                runtime::sink_ref reply);
  template <class Message>
  void to_runner(Message message, runtime::sink_ref reply);
  template <class Message>
  void to_reader(runtime::job_id id, Message message, runtime::sink_ref reply);

  actors::actor_env& env_;
  uint16_t shards_;
  std::atomic<uint32_t> next_{0};
};

/// The node's circuit breakers. Thread-safe.
class actor_breakers final : public breaker_port {
public:
  explicit actor_breakers(actors::actor_env& env) : env_{env} {}
  std::vector<breaker_info> breakers() const override;
  void force(const std::string& target, breaker_order order,
             runtime::sink_ref reply) override;
  void reset(const std::string& target, std::string reason,
             runtime::sink_ref reply) override;

private:
  template <class Message>
  void tell(const std::string& target, Message message,
            runtime::sink_ref reply);

  actors::actor_env& env_;
};

/// What this node serves, from its board. Thread-safe.
class board_status final : public status_port {
public:
  board_status(actors::actor_env& env, runtime::store_health store);
  node_status status() const override;
  bool alive() const override;

private:
  actors::actor_env& env_;
  runtime::store_health store_;
};

} // namespace troupe::gateway
