// A model's dispatcher, as decisions: which announced queue head gets which free
// slot. Pure and soft state: shards re-announce and workers re-register after a
// restart, so that nothing here must survive.
#pragma once

#include "runtime/ids.hpp"
#include "runtime/scheduling/announced_head.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe::runtime {

/// Ask `shard` for the job: compare and set on (job, after_attempt).
struct lease_order {
  shard_id shard;
  job_id job;
  uint32_t after_attempt = 0;
  std::string worker; ///< Name of the worker that has the slot.
  friend bool operator==(const lease_order&, const lease_order&) = default;
};

class dispatch_core {
public:
  /// An order that no shard answered by then frees its slot again.
  explicit dispatch_core(duration lease_timeout) : timeout_{lease_timeout} {}

  /// Replaces what was known of the shard's queue.
  void announce(shard_id shard, std::vector<announced_head> heads);
  /// A (re)started worker, or one that introduces itself to a restarted
  /// dispatcher with what it runs. Attempts of an older generation of the same
  /// name are lost and returned.
  std::vector<attempt_id> register_worker(const std::string& worker,
                                          uint64_t generation, uint32_t slots,
                                          std::vector<attempt_id> running);
  /// The worker takes nothing more; its running attempts are returned.
  std::vector<attempt_id> withdraw(const std::string& worker,
                                   uint64_t generation);

  /// Every lease that can be asked for now, smallest key first. Jobs that must
  /// run alone get an idle worker; while there is none, one worker is kept
  /// free of new work for them.
  std::vector<lease_order> pick(mono_time now);
  /// The shard's answer. `granted`: the attempt occupies the slot from now on.
  void granted(job_id job, attempt_id attempt);
  void refused(job_id job);
  /// The worker is done with the attempt, whatever became of it. May overtake
  /// `granted` for the same attempt.
  void freed(const std::string& worker, attempt_id attempt);

  uint32_t slots_total() const noexcept;
  uint32_t slots_free() const noexcept;
  /// When an unanswered order times out next.
  std::optional<mono_time> next_due() const;

private:
  struct worker_state {
    uint64_t generation = 0;
    uint32_t slots = 0;
    uint32_t pending = 0;
    std::set<attempt_id> running;
    bool exclusive = false; ///< Runs, or waits to run, one job alone.
    bool idle() const noexcept { return pending == 0 && running.empty(); }
    bool open() const noexcept {
      return !exclusive && pending + running.size() < slots;
    }
  };
  struct pending_order {
    lease_order order;
    announced_head head;
    mono_time expires;
  };
  struct candidate {
    int64_t key;
    job_id id;
    shard_id shard;
    friend auto operator<=>(const candidate&, const candidate&) = default;
  };
  worker_state* place(const announced_head& head, std::string& name);
  void drop_order(job_id job);
  void expire_orders(mono_time now);
  /// The order came to nothing, but the shard does not know: ask again.
  void put_back(const pending_order& p);

  duration timeout_;
  std::map<shard_id, std::map<job_id, announced_head>> heads_;
  std::set<candidate> order_; ///< All heads that are not asked for yet.
  std::map<std::string, worker_state> workers_;
  std::unordered_map<job_id, pending_order> pending_;
};

} // namespace troupe::runtime
