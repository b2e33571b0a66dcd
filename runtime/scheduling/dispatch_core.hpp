// A model's dispatcher, as decisions: which announced queue head gets which free
// slot. Pure and soft state: shards re-announce and workers re-register after a
// restart, so that nothing here must survive.
//
//   announce --> heads per (shard, tenant) --> heads per tenant, in order
//                                                |  the first one
//   freed <---- worker_slots <---- pick <---- tenant_gate
#pragma once

#include "runtime/ids.hpp"
#include "runtime/scheduling/announced_head.hpp"
#include "runtime/scheduling/late_answers.hpp"
#include "runtime/scheduling/parked_attempts.hpp"
#include "runtime/scheduling/preemption_policy.hpp"
#include "runtime/scheduling/queue_policy.hpp"
#include "runtime/scheduling/tenant_gate.hpp"
#include "runtime/scheduling/worker_slots.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe::runtime {

struct dispatch_settings {
  /// An order that no shard answered by then frees its slot again.
  duration lease_timeout{std::chrono::seconds{2}};
  double gate_slack_jobs = 5;        ///< See tenant_gate.
  uint32_t tenant_in_flight_max = 0; ///< Attempts of one tenant; 0 = no limit.
  std::map<std::string, double> shares{}; ///< > 0; other tenants: 1.
  preemption_limits preemption{};
};

/// The attempt is to leave its slot, so that what waits can have it.
struct park_wish {
  std::string worker;
  attempt_id id;
  bool keep_cache = false;
  friend bool operator==(const park_wish&, const park_wish&) = default;
};
/// The attempt is to have a slot of its worker again.
struct resume_wish {
  std::string worker;
  attempt_id id;
  friend bool operator==(const resume_wish&, const resume_wish&) = default;
};

/// Ask `shard` for the job: compare and set on (job, after_attempt).
struct lease_order {
  shard_id shard;
  job_id job;
  uint32_t after_attempt = 0;
  std::string tenant;
  double work_s = 0;  ///< Predicted.
  std::string worker; ///< Name of the worker that has the slot.
  order_stamp stamp;
  gate_reading gate; ///< Of the tenant, before this job was charged.
  bool overdue = false;
  friend bool operator==(const lease_order&, const lease_order&) = default;
};

/// What became of a grant.
struct grant_outcome {
  /// How long the answer took; nothing if the order had been given up.
  std::optional<duration> took;
  /// The worker that was meant is gone: the attempt will never run.
  bool lost = false;
};

class dispatch_core {
public:
  explicit dispatch_core(dispatch_settings settings)
    : settings_{settings}, gate_{settings.gate_slack_jobs} {}

  /// Replaces what was known of these queues of the shard.
  void announce(shard_id shard, const std::vector<announced_queue>& queues);
  /// Forgets the shard's queues: a new feed begins.
  void reset(shard_id shard);
  /// A (re)started worker, or one that introduces itself to a restarted
  /// dispatcher with what it runs. Attempts of an older generation of the same
  /// name are lost and returned.
  std::vector<lost_attempt>
  register_worker(const std::string& worker, uint64_t generation,
                  uint32_t slots, const std::vector<attempt_id>& running,
                  mono_time now,
                  const std::vector<parked_report>& parked_there = {});
  /// The worker takes nothing more; its running attempts are returned.
  std::vector<lost_attempt> withdraw(const std::string& worker,
                                     uint64_t generation);

  /// See worker_slots.
  void hold(const std::string& worker, worker_hold why, bool on) {
    slots_.hold(worker, why, on);
  }
  /// What it has to end: reserved, running and parked; nothing for an unknown
  /// worker.
  std::optional<size_t> load(const std::string& worker) const {
    auto load = slots_.load(worker);
    return load ? std::optional{*load + parked_.at(worker)} : std::nullopt;
  }
  uint32_t workers() const noexcept { return slots_.workers(); }
  /// Loop over mean service: how many jobs may wait at each worker for a slot,
  /// see lease_ahead. 0: none.
  void set_lead(double ratio) { slots_.set_lead(ratio); }

  /// Parked attempts that return, where a slot is free: those with a smaller key
  /// than the first job that waits, and all that no job waits for. Before `pick`,
  /// and once more with `rest` after it.
  std::vector<resume_wish> resume(mono_time now, bool rest);
  /// While no slot is free: what leaves one, at most one more per worker until
  /// `parked` comes. After `pick`. It looks at every attempt, and therefore at
  /// most once in `search_interval`.
  static constexpr duration search_interval = std::chrono::milliseconds{10};
  std::vector<park_wish> preempt(mono_time now);
  /// When `preempt` may find one that is too young now, or looks again.
  std::optional<mono_time> preempt_due() const noexcept { return park_due_; }
  /// The worker can park, and what that costs.
  void set_parking(const std::string& worker, duration switch_cost) {
    switch_costs_[worker] = switch_cost;
  }
  /// It left its slot. Also one that did not find a slot on return, or that a
  /// worker reports to a restarted dispatcher.
  void parked(const std::string& worker, attempt_id attempt, int64_t key,
              mono_time now);
  size_t parked_now() const noexcept { return parked_.size(); }

  /// Every lease that can be asked for now. Overdue jobs go first, then the
  /// smallest key, both among tenants that the gate lets through. At most
  /// `orders_max`.
  std::vector<lease_order> pick(mono_time now, size_t orders_max = SIZE_MAX);
  /// The shard's answer: the attempt has its place at the worker from now on.
  /// An answer that comes after the order was given up counts all the same.
  grant_outcome granted(const granted_lease& lease, mono_time now);
  void refused(const refused_lease& lease);
  /// The worker is done with the attempt after `ran` on the slot, whatever
  /// became of it. May overtake `granted` for the same attempt.
  void freed(const std::string& worker, attempt_id attempt, duration ran);
  /// It waited at the worker and has a slot now.
  void started(const std::string& worker, attempt_id attempt, mono_time now) {
    slots_.started(worker, attempt, now);
  }
  /// See worker_slots. After `freed` or `parked`, and after `started` if one did.
  void seat_waiting(const std::string& worker, mono_time now) {
    slots_.seat_waiting(worker, now);
  }
  /// Attempts that outlast their prediction count for what they really take.
  void correct_charges(mono_time now);

  uint32_t slots_total() const noexcept { return slots_.total(); }
  uint32_t slots_free() const noexcept { return slots_.free(); }
  /// Places at the workers for jobs that wait for a slot.
  uint32_t ahead() const noexcept { return slots_.ahead(); }
  /// Of jobs that nobody was asked for yet, how many could be ordered now.
  size_t wanted() const noexcept { return std::min(waiting_, slots_.room()); }
  /// Predicted rest of what runs, seconds of one slot.
  double running_work_s(mono_time now);
  /// Announced jobs that nobody was asked for yet.
  size_t waiting() const noexcept { return waiting_; }
  bool idle() const noexcept {
    return pending_.empty() && waiting_ == 0 && slots_.busy() == 0
           && parked_.empty();
  }
  /// When an unanswered order times out next.
  std::optional<mono_time> next_due();
  const tenant_gate& gate() const noexcept { return gate_; }
  /// Announced jobs that are overdue and were not asked for yet.
  size_t overdue() const noexcept { return overdue_now_; }
  /// So far.
  uint64_t orders_timed_out() const noexcept { return orders_timed_out_; }
  queue_front front() const;

private:
  using tenant_index = tenant_gate::tenant_index;
  struct candidate {
    head_rank rank;
    shard_id shard;
    friend auto operator<=>(const candidate&, const candidate&) = default;
  };
  struct tenant_state {
    std::set<candidate> order; ///< Heads of all shards that need no own worker.
    uint32_t in_flight = 0;
  };
  struct known_head {
    announced_head head;
    tenant_index tenant = 0;
    shard_id shard;
    bool overdue = false;
    uint64_t round = 0; ///< Of `announce`, which said it last.
  };
  struct pending_order {
    lease_order order;
    known_head what;
    mono_time expires;
  };
  using queue_id = std::pair<shard_id, tenant_index>;
  /// Orders in the order of their time limits; some were answered.
  struct order_limit {
    mono_time at;
    job_id job;
    uint64_t number = 0;
  };

  static candidate place_of(const known_head& k);
  tenant_state& state(tenant_index t);
  void add(const known_head& k);
  void add_or_keep(const known_head& k);
  void remove(job_id id);
  void offer(tenant_index t);
  void mark_overdue(mono_time now);
  void order(const known_head& k, worker_slots::place where, mono_time now,
             std::vector<lease_order>& orders);
  void pick_alone(mono_time now, size_t orders_max,
                  std::vector<lease_order>& orders);
  grant_outcome granted_late(const granted_lease& lease, mono_time now);
  void occupy(const granted_lease& lease, tenant_index tenant, double work_s,
              mono_time now);
  void leave(const running_attempt& what, double real_s);
  struct victim {
    park_wish wish;
    int64_t key = 0;
    duration cost{0};      ///< Of leaving and returning.
    bool for_line = false; ///< For a job that waits at its worker.
  };
  /// The smallest keys of those that wait for any worker, in order.
  std::vector<int64_t> least_keys(size_t count) const;
  std::optional<victim> victim_at(const std::string& worker,
                                  const worker_slots::attempts& running,
                                  mono_time now, size_t& under_way);
  void note_park_due(int64_t key, duration cost,
                     std::span<park_candidate> candidates, mono_time now);
  std::optional<pending_order> take_pending(job_id job);
  bool answered(const order_limit& x) const;
  void expire_orders(mono_time now);
  /// The order came to nothing, but the shard does not know: ask again.
  void put_back(const pending_order& p);

  dispatch_settings settings_;
  tenant_gate gate_;
  worker_slots slots_;
  std::deque<tenant_state> tenants_;
  std::map<queue_id, std::vector<job_id>> queues_;
  std::unordered_map<job_id, known_head> heads_; ///< Not asked for yet.
  std::set<candidate>
    alone_; ///< Those of them that need a worker of their own.
  std::set<std::pair<mono_time, job_id>> overdue_; ///< May become so.
  std::unordered_map<job_id, pending_order> pending_;
  std::deque<order_limit> limits_; ///< Of `pending_`.
  late_answers late_;              ///< To orders that were given up.
  parked_attempts parked_;
  std::map<std::string, duration> switch_costs_; ///< Of workers that can park.
  std::optional<mono_time> park_due_;
  std::optional<mono_time> searched_at_; ///< For one that leaves its slot.
  uint64_t orders_ = 0;
  uint64_t round_ = 0;
  size_t waiting_ = 0;
  size_t overdue_now_ = 0;
  uint64_t orders_timed_out_ = 0;
};

} // namespace troupe::runtime
