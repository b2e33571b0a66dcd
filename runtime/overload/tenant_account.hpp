// One tenant on this node: what it may do, how many jobs it has, and the one
// owner of its budget. Shards of all threads reserve and settle here; the
// tenant's home shard alone writes it to the store (`take_changes`) and gives it
// what the store had (`open`).
//
//   reserve --> young --confirm--> counted --settle--> (gone)
//                 \------------------------settle--> (gone)
//
// A young reservation belongs to a job that may not be durable. The stored level
// leaves it out, and a restart takes it from the level if the job is there after
// all (`adopt`): a crash neither loses nor keeps what nobody owns.
//
// After a crash, jobs that both came and ended since the last write are
// forgotten, and jobs that ended since then count as predicted. The home shard
// writes each `keep_interval`.
#pragma once

#include "runtime/client_sink.hpp"
#include "runtime/guarded.hpp"
#include "runtime/overload/tenant_budget.hpp"
#include "runtime/tenant_record.hpp"

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace troupe::runtime {

/// As configured.
struct tenant_limits {
  std::string name;
  double share = 1;            ///< Of each model, against other tenants; > 0.
  budget_limits budget;        ///< cost_per_minute 0: none.
  uint64_t jobs_max = 100'000; ///< Jobs that wait or run; >= 1.
};

/// Now, on both clocks.
struct moment {
  mono_time mono{};
  wall_time wall{};
};

/// For headers, the admin API and metrics.
struct tenant_view {
  tenant_limits limits;
  budget_limits budget; ///< In force.
  std::optional<budget_override> override_now;
  budget_level level;
  uint64_t jobs = 0; ///< That wait or run.
  bool known = true; ///< False: its home shard has not loaded it yet.
};

/// Thread-safe.
class tenant_account {
public:
  static constexpr duration keep_interval = std::chrono::seconds{1};

  tenant_account(tenant_limits limits, shard_id home);

  const tenant_limits& limits() const noexcept { return limits_; }
  shard_id home() const noexcept { return home_; }
  /// Without a limit nothing below locks or counts cost.
  bool limited() const noexcept { return limited_; }

  // --- jobs ------------------------------------------------------------------
  /// Why a job of that cost may not come now; nothing if it may.
  std::optional<refused> check(double cost, const moment& now);
  /// Takes a place and the cost, and notes in the record what it took.
  std::optional<refused> reserve(job_record& record, double cost,
                                 const moment& now);
  /// The admission is durable.
  void confirm(const job_record& record);
  /// The job ended; its usage says what it cost. Twice is no harm.
  void settle(const job_record& record, mono_time now);
  /// A live job out of the store, after a restart of its shard or of the node.
  void adopt(const job_record& record, mono_time now);
  /// The shard started over and has these jobs of the tenant, in order of id:
  /// reservations of others go. Those that never were durable cost nothing,
  /// those that were ended meanwhile and cost what was predicted.
  void reconcile(shard_id shard, const std::vector<job_id>& live,
                 mono_time now);
  void add_jobs(int64_t by) noexcept { jobs_ += by; }

  // --- the home shard ----------------------------------------------------------
  /// What the store has of it. The first time counts; then memory knows better.
  void open(const std::optional<tenant_record>& stored, const moment& now);
  struct changes {
    tenant_record record;
    std::vector<sink_ref> waiting; ///< For `budget_kept`.
  };
  /// What must be written, if anything has changed since the last call.
  std::optional<changes> take_changes(const moment& now);

  // --- operators ---------------------------------------------------------------
  /// Nothing: back to what is configured. Answered by `budget_kept` once
  /// durable.
  void set_override(std::optional<budget_override> order, sink_ref reply,
                    const moment& now);
  tenant_view view(const moment& now);

private:
  struct young_job {
    job_id id;
    int64_t micro_cost = 0;
    bool confirmed = false;
  };
  struct adopted_job {
    job_id id;
    double cost = 0;
    uint64_t serial = 0;
  };
  struct state {
    std::optional<tenant_budget> budget; ///< Set by `open`.
    uint64_t next_serial = 1;
    uint64_t counted_below = 1;          ///< Of the record that was read.
    std::map<uint64_t, young_job> young; ///< By serial.
    std::vector<adopted_job> early;      ///< Adopted before `open`.
    std::optional<budget_override> override_now;
    mono_time lapses_at{};
    bool changed = false;
    std::vector<sink_ref> waiting;
  };

  std::optional<refused> too_many_jobs() const;
  std::optional<refused> judge(const budget_verdict& verdict) const;
  budget_limits in_force(const state& s) const;
  void set_limits(state& s, mono_time now);
  void lapse(state& s, const moment& now);
  static void take(state& s, const adopted_job& job, mono_time now);
  static void forget_young(state& s, uint64_t serial);
  static std::optional<refused> not_loaded();

  tenant_limits limits_;
  shard_id home_;
  std::atomic<bool> limited_;
  std::atomic<int64_t> jobs_{0};
  guarded<state> state_;
};

} // namespace troupe::runtime
