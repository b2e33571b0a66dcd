// What one queue shard knows about its live jobs, and the decisions that follow
// from it: admit or refuse, who may be leased, what is due. Pure; the
// `queue_shard` actor performs what is decided here. Rebuilt from the store.
//
//   committing --committed--> ready --lease--> leased --closed--> (gone)
//                              ^  |               |
//                       due |  |               | requeued
//                              |  |               v
//                              |  +--- end ---> ending --closed--> (gone)
//                              +------------- waiting
#pragma once

#include "runtime/client_sink.hpp"
#include "runtime/job.hpp"
#include "runtime/job_machine.hpp"
#include "runtime/overload/admission.hpp"
#include "runtime/scheduling/announced_head.hpp"
#include "runtime/scheduling/job_ladder.hpp"
#include "runtime/scheduling/queue_policy.hpp"
#include "runtime/scheduling/ready_queue.hpp"
#include "runtime/scheduling/wait_estimate.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

namespace troupe::runtime {

struct ledger_limits {
  size_t jobs_max = 1'000'000;   ///< Live jobs of this shard, >= 1.
  size_t specs_resident = 1'024; ///< Requests kept in memory; others reload.
  duration idempotency_ttl{std::chrono::hours{24}};
};

/// What the shard knows about the world when it admits.
struct admission_gate {
  bool draining = false;
  bool storage_ok = true;
  std::string storage_reason; ///< For people, when not ok.
  bool memory_ok = true;      ///< False: the node's memory is full.
  /// Set: the job's model cannot be called before its limit.
  std::optional<refused> model;
  /// Set: the job's input is refused, whatever else is true.
  std::optional<refused> input;
  bool model_open = false; ///< Its breaker keeps work away at this moment.
  /// Set: the tenant may have no such job now.
  std::optional<refused> tenant;
  /// Last of all: takes the job's place and cost from its tenant, whose model
  /// will be `queue`, and notes in the record what it took; or refuses. Empty:
  /// nobody counts.
  std::function<std::optional<refused>(job_record&, const std::string& queue)>
    reserve;
};

/// A job that may come, or comes.
struct admission_preview {
  job_record record; ///< With key, forecast and limits.
  cost_prediction cost;
  queue_standing standing;
  admission_verdict verdict;
  uint32_t load_cap = 0; ///< Output tokens; 0: none. The first step down.
};

/// Identity of a request for repeats; empty `key` = none given.
struct request_identity {
  std::string key;         ///< 32 bytes.
  std::string fingerprint; ///< 32 bytes.
};

/// The job may be committed.
struct admitted {
  job_record record;
  queue_standing standing;
  std::vector<event> events; ///< job.created, job.queued; job.degraded.
};
/// The same request was accepted before.
struct repeated {
  job_id id;
  bool committing = false; ///< The first one is not durable yet.
};
using admission_result = std::variant<admitted, repeated, refused>;

struct leased {
  attempt_id id;
  float expected_wait_s = 0; ///< As estimated at admission; 0: not known.
  spec_ptr spec;             ///< Null: must be loaded.
  job_record record;
};

struct due_action {
  /// judge: now or never can it start in time.
  enum class kind : uint8_t { ready, expire, judge };
  job_id id;
  kind what = kind::ready;
};

class shard_ledger {
public:
  using rules_ptr = std::shared_ptr<const queue_rules>;
  using policy_ptr = std::shared_ptr<const model_policy>;

  /// What waits for a model on the whole node.
  using load_lookup = std::function<queue_load(const std::string& model)>;

  shard_ledger(shard_id shard, ledger_limits limits, uint64_t epoch,
               rules_ptr rules = std::make_shared<queue_rules>(),
               load_lookup node_load = {});

  // --- rebuilding ----------------------------------------------------------
  /// A live job from the store. In-progress ones stay unleased until
  /// `requeued`.
  void restore(job_record record, mono_time now_mono, wall_time now_wall);
  void restore(std::string key, idempotency_entry entry);
  /// Ids that were in progress when the previous owner ended.
  std::vector<job_id> orphans() const;
  /// Jobs in the queue, any order.
  std::vector<job_id> waiting() const;

  // --- admission -----------------------------------------------------------
  /// `spec` gets its id. Repeats are answered even when full. Ids of one shard
  /// grow although the wall clock may jump back.
  admission_result admit(job_spec& spec, const request_identity& who,
                         const admission_gate& gate, wall_time now,
                         rng& random);
  /// The record after the rung that the verdict names.
  job_record stepped_down(const admission_preview& p) const;
  shard_id shard() const noexcept { return shard_; }
  const queue_rules& rules() const noexcept { return *rules_; }
  /// What `admit` would say of a new request, which has an id of `now`; only its
  /// deadline may be filled in.
  admission_preview preview(job_spec& spec, const admission_gate& gate,
                            wall_time now) const;
  /// What an admitted job's key entry stores; nothing when it had no key.
  std::optional<idempotency_entry> entry_of(const std::string& key) const;
  /// The admission is durable: the job is ready.
  void committed(job_id id, spec_ptr spec, mono_time now);

  // --- leasing -------------------------------------------------------------
  /// The first `n` jobs of one tenant. Times are `now`'s.
  announced_queue heads(const std::string& model, const std::string& tenant,
                        size_t n, mono_time now, wall_time now_wall) const;
  /// Tenants that have jobs waiting for the model, or ever had.
  std::vector<std::string> tenants(const std::string& model) const;
  /// The dispatcher's view of the model, from now on.
  void set_policy(const std::string& model, policy_ptr policy);
  /// The last of them; default values if there was none.
  policy_ptr policy(const std::string& name) const {
    return model(name).policy;
  }
  /// What waits for the model with a key of at most `key`.
  key_histogram::totals backlog(const std::string& model, int64_t key) const;
  /// Predicted work of the jobs that came for the model since the last call.
  double take_arrived_s(const std::string& model);
  backlog_curve curve(const std::string& model) const {
    return backlog_curve{queue_.histogram(model)};
  }
  /// Waiting jobs of a model by tier: [0] flex, [1] default, [2] priority.
  using tier_depths = std::array<int64_t, 3>;
  tier_depths depths(const std::string& model) const;
  /// Compare and set: fails (nothing) unless ready with exactly this attempt.
  std::optional<leased> lease(job_id id, uint32_t after_attempt);
  /// What the ladder says of a ready job with this attempt; else nothing.
  std::optional<ladder_choice> judge(job_id id, uint32_t after_attempt,
                                     wall_time now) const;
  /// See job_ladder::mid_run; a job that is not leased stays.
  ladder_choice judge_running(attempt_id id, uint32_t produced,
                              const attempt_rest& rest, wall_time now) const;
  /// Its key in another model's queue: the same base, that model's boost.
  int64_t key_in(const std::string& model, const job_record& record) const;
  std::optional<std::string> longer_context(const job_record& record) const {
    return ladder().longer_context(record);
  }
  /// Takes a ready job out of the queue until `requeued`.
  void set_aside(job_id id);
  /// The job returned to the queue with this record; ready after `delay`, and
  /// if `charged` not before the model's retry budget lets it go.
  void requeued(job_record record, duration delay, mono_time now,
                bool charged = false);
  /// Takes the job out of the queue for a command that ends it. False: unknown.
  bool begin_end(job_id id);
  /// The terminal record is durable.
  void closed(job_id id);

  // --- time ----------------------------------------------------------------
  /// `ask_retry`: retry_budget::ask of the model, now. Who waits longest asks
  /// first.
  using retry_gate = std::function<mono_time(const std::string& model)>;
  std::vector<due_action> due(mono_time now, const retry_gate& ask_retry = {});
  std::optional<mono_time> next_due() const;
  /// Keys whose time is over, removed here; drop them from the store too.
  std::vector<std::string> expired_keys(wall_time now);

  // --- looking -------------------------------------------------------------
  /// Null: not live.
  const job_record* find(job_id id) const;
  spec_ptr spec(job_id id) const;
  /// From then on the job goes before all that are not overdue.
  wall_time bound_of(const job_record& record) const {
    return overdue_at(record, *rules_, model(record.queue()).limit_s);
  }
  /// Nothing if it does not wait for a slot.
  std::optional<queue_standing> standing(job_id id) const;
  /// Of the model's queue in this shard.
  queue_load load(const std::string& model) const;
  size_t live() const noexcept { return jobs_.size(); }
  uint64_t epoch() const noexcept { return epoch_; }

private:
  enum class slot : uint8_t { committing, ready, leased, waiting, ending };
  struct entry {
    job_record record;
    spec_ptr spec;
    slot state = slot::committing;
    mono_time ready_at{};
    float expected_wait_s = 0; ///< At admission; 0: not known.
    bool charged = false;      ///< Asks the retry budget when it is ready.
  };
  struct timer {
    mono_time at;
    job_id id;
    due_action::kind what;
    bool before_start; ///< A limit that ends with the first attempt.
    bool operator>(const timer& other) const noexcept {
      return std::tie(at, id) > std::tie(other.at, other.id);
    }
  };
  static void forget_decision(entry& e);
  void make_ready(entry& e);
  void unqueue(entry& e);
  void arm_limits(const entry& e, mono_time now, wall_time now_wall);
  wall_time next_arrival(wall_time now) noexcept;

  struct model_state {
    policy_ptr policy;
    double limit_s = 0; ///< The largest B so far.
    tier_depths depths{};
    double arrived_s = 0;
  };
  const model_state& model(const std::string& name) const;
  job_ladder ladder() const;
  /// Live jobs that the shard may hold when a job of this tier comes.
  size_t room_for(service_tier tier) const noexcept;
  std::optional<refused> refusal_of(const job_spec& spec,
                                    const admission_gate& gate) const;
  job_step step_down(job_record& record, const ladder_choice& choice) const;
  queue_standing stand(const std::string& model, const std::string& tenant,
                       int64_t key, uint64_t jobs_before) const;
  queue_load node_load(const std::string& model) const;

  shard_id shard_;
  ledger_limits limits_;
  uint64_t epoch_;
  rules_ptr rules_;
  load_lookup node_load_;
  wall_time last_arrival_{};
  size_t specs_resident_ = 0;
  std::unordered_map<job_id, entry> jobs_;
  ready_queue queue_;
  std::map<std::string, model_state> models_;
  std::priority_queue<timer, std::vector<timer>, std::greater<>> timers_;
  std::unordered_map<std::string, idempotency_entry> keys_;
  std::queue<std::pair<wall_time, std::string>> key_ages_;
};

} // namespace troupe::runtime
