// What the gateway asks of the rest of Troupe. Every call is one-way and never
// blocks; the answer arrives at the sink named by `reply` (client_sink.hpp).
// actor_port.cpp implements it over CAF; that file is the one bridge.
#pragma once

#include "runtime/client_sink.hpp"
#include "runtime/overload/memory_guard.hpp"
#include "runtime/scheduling/intent_policy.hpp"

#include <optional>
#include <string>

namespace troupe::gateway {

struct submit_options {
  /// SHA-256 of tenant, path and key (32 bytes); empty = no key.
  std::string idempotency_key;
  /// SHA-256 of the canonical body (32 bytes).
  std::string fingerprint;
};

enum class run_steering : uint8_t { pause = 1, resume, cancel, rate };

class job_port {
public:
  virtual ~job_port() = default;
  /// `job_accepted` once durable, or `refused`. Fills in id and times.
  virtual void submit(runtime::job_spec spec, submit_options options,
                      runtime::sink_ref reply) = 0;
  /// `job_estimated`: what `submit` would do now. Nothing is kept.
  virtual void estimate(runtime::job_spec spec, runtime::sink_ref reply) = 0;
  /// `job_snapshot` or `refused`; with `if_version` it waits until the record's
  /// version is greater or the job is terminal (the caller owns the time limit
  /// and calls `forget`).
  virtual void get(runtime::job_id id, std::string tenant,
                   std::optional<uint32_t> if_version,
                   runtime::sink_ref reply) = 0;
  /// `watch_opened`, then `job_events` ... or `refused`.
  virtual void watch(runtime::job_id id, std::string tenant,
                     runtime::sink_ref reply) = 0;
  /// Ends a watch or a waiting `get`; no answer.
  virtual void forget(runtime::job_id id, runtime::sink_ref reply) = 0;
  /// `job_snapshot` once `cancelled` is durable (or the job was terminal).
  virtual void cancel(runtime::job_id id, std::string tenant,
                      std::string reason, runtime::sink_ref reply) = 0;
  /// `events_page` or `refused`. Committed events only, at most `limit`.
  virtual void read_events(runtime::job_id id, std::string tenant,
                           uint64_t from_seq, uint32_t limit,
                           runtime::sink_ref reply) = 0;
  /// `output_read`: record, spec and, when terminal, the output.
  virtual void read_output(runtime::job_id id, std::string tenant,
                           runtime::sink_ref reply) = 0;
  /// Replays a dead letter as this job: `job_accepted` once durable
  /// (`replayed`: the job that did so before), or `refused`. With a key,
  /// `replayed` is for a repeat of that request, and a letter that another one
  /// replayed is answered by `job_snapshot` of the job.
  virtual void replay_letter(runtime::job_id id, runtime::job_spec spec,
                             submit_options options,
                             runtime::sink_ref reply) = 0;
  /// `job_snapshot` of the letter: dropped, or replayed before.
  virtual void drop_letter(runtime::job_id id, std::string tenant,
                           runtime::sink_ref reply) = 0;
  /// `runs_listed` with the run once it is durable; its id is filled in.
  virtual void start_run(runtime::replay_run run, runtime::sink_ref reply) = 0;
  /// Likewise; idempotent. `rate_per_s` with run_steering::rate.
  virtual void steer_run(runtime::job_id id, std::string tenant,
                         run_steering what, double rate_per_s,
                         runtime::sink_ref reply) = 0;
  /// `runs_listed` with all of the tenant's.
  virtual void list_runs(std::string tenant, runtime::sink_ref reply) = 0;
  /// `jobs_listed`.
  virtual void list(runtime::job_query query, runtime::sink_ref reply) = 0;
};

/// For /readyz and validation: what this node serves right now. Thread-safe.
struct model_info {
  std::string name;
  std::string kind;
  std::vector<runtime::task_kind> tasks;
  uint32_t context_length = 0;
  bool ready = false;
  runtime::breaker_state breaker = runtime::breaker_state::closed;
  runtime::model_kind purpose = runtime::model_kind::accurate;
  bool loaded = false; ///< Requests that want it `accurate` go elsewhere.
};
struct alias_info {
  std::string name;
  std::vector<std::string> models; ///< Best first.
  runtime::request_intent intent = runtime::request_intent::accurate;
};
struct node_status {
  bool unready = false; ///< About to drain: /readyz only.
  bool draining = false;
  bool store_writable = true;
  runtime::memory_level memory = runtime::memory_level::normal;
  uint32_t shards_ready = 0;
  uint32_t shards_total = 0;
  runtime::store_health store;
  std::vector<model_info> models; ///< All configured ones.
  std::vector<alias_info> aliases{};
};
class status_port {
public:
  virtual ~status_port() = default;
  virtual node_status status() const = 0;
  /// True when the root supervisor answered within the last second.
  virtual bool alive() const = 0;
};

} // namespace troupe::gateway
