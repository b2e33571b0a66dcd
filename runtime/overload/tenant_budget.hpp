// How much one tenant may spend: a token bucket in cost units, owned by the
// tenant's home shard. A job's predicted cost leaves the bucket at admission and
// is settled to its real cost at the end, so that a long queue spends what comes
// in meanwhile and not only one burst.
//
//   bucket (level) <--- cost_per_minute, up to burst
//     |   ^
//     |   +-- what a job did not use, what a slice's holder returns
//     v
//   reservations, one per job        slices, lent to other nodes
//
// Units: doubles outside are cost units; inside, whole millionths, so that
// bucket, reservations and slices add up exactly.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

namespace troupe::runtime {

struct budget_limits {
  double cost_per_minute = 0; ///< 0: no limit; else up to 1e9.
  double burst = 0;           ///< > 0, up to 1e9: the bucket's size.
};

/// Whether a cost fits now, for admission and for the problem `quota-exceeded`.
struct budget_verdict {
  bool fits = false;
  double required = 0;
  double remaining = 0; ///< May be negative.
  /// If it does not fit: when it will, unless others come first. Nothing if
  /// waiting cannot help.
  std::optional<duration> retry_after;
};

/// For the RateLimit headers and the console.
struct budget_level {
  bool limited = false;
  double remaining = 0; ///< May be negative.
  double burst = 0;
  double reserved = 0; ///< By jobs that are not settled.
  double lent = 0;     ///< In slices.
  duration full_in{0};
};

/// A part of the bucket that another node spends. Lost with its holder: return
/// it with nothing left then.
struct budget_slice {
  uint64_t id = 0; ///< Never used twice.
  int64_t micro_cost = 0;
  friend bool operator==(const budget_slice&, const budget_slice&) = default;
};

/// What the home shard writes with its commits. Reservations are not in it: the
/// jobs' own records hold them (`adopt`).
struct budget_record {
  int64_t level_micro_cost = 0;
  wall_time at{};
  uint64_t next_slice = 1;
  std::vector<budget_slice> slices;
  friend bool operator==(const budget_record&, const budget_record&) = default;
};

/// Costs: a job's is at most `cost_max`; negative is 0; a prediction that is not
/// a number counts as the most. Not thread-safe. Memory: the live jobs, whose
/// number admission bounds, and `slices_max`.
class tenant_budget {
public:
  /// Full.
  tenant_budget(budget_limits limits, mono_time now);
  /// As it was recorded, plus what came in by wall time since; a wall clock that
  /// went back adds nothing.
  tenant_budget(budget_limits limits, const budget_record& record,
                mono_time now, wall_time wall);
  /// What a holder makes of a slice: never refilled.
  static tenant_budget of_slice(const budget_slice& slice, mono_time now);

  static constexpr double cost_max = 1e6;
  static constexpr size_t slices_max = 1024;

  // --- jobs ------------------------------------------------------------------
  /// Would `cost` fit? No effect.
  budget_verdict check(double cost, mono_time now);
  /// Takes it if it fits. A job that has a reservation keeps it as it is.
  budget_verdict reserve(const job_id& job, double cost, mono_time now);
  /// A reservation of before a restart. The record's level knows of it, unless
  /// it is `missing` there: then it is taken, and may overdraw.
  void adopt(const job_id& job, double cost, bool missing, mono_time now);
  void adopt(const job_id& job, double cost) {
    adopt(job, cost, false, refilled_at_);
  }
  /// The job ended: `real` replaces what was reserved, and may overdraw. It is
  /// the work of the attempt that counts; lost attempts are free, a job that
  /// never started is 0. No number, or a negative one: as reserved. False, and
  /// no effect, if the job has no reservation or was settled before.
  bool settle(const job_id& job, double real, mono_time now);
  bool release(const job_id& job, mono_time now) { return settle(job, 0, now); }

  // --- slices ----------------------------------------------------------------
  /// Lends min(`cost`, a sixteenth of the level); nothing if that is nothing, to
  /// an unlimited tenant's nodes (they need none), or beyond `slices_max`.
  std::optional<budget_slice> take_slice(double cost, mono_time now);
  /// `left_micro_cost`: the holder's level; below zero if its settlements
  /// overdrew. False, and no effect, if it is not lent.
  bool return_slice(uint64_t id, int64_t left_micro_cost, mono_time now);

  // --- state -----------------------------------------------------------------
  /// Reload or override. A tenant that had no limit starts full.
  void set_limits(budget_limits limits, mono_time now);
  budget_level level(mono_time now);
  int64_t level_micro_cost(mono_time now);
  /// Sum over live reservations.
  int64_t reserved_micro_cost() const noexcept { return reserved_; }
  size_t live_jobs() const noexcept { return reservations_.size(); }
  /// With a reservation, in order of id. O(live jobs).
  std::vector<job_id> jobs_of(shard_id shard) const;
  /// Settlements and returns that named nothing live.
  uint64_t strays() const noexcept { return strays_; }
  budget_record record(mono_time now, wall_time wall);

private:
  struct reservation {
    int64_t micro_cost = 0;
    bool taken = false; ///< From the bucket; not while there is no limit.
  };
  void refill(mono_time now);
  void put_back(int64_t micro_cost) noexcept;
  std::optional<duration> time_to_gain(double micro_cost) const noexcept;
  budget_verdict judge(int64_t micro_cost) const noexcept;

  bool limited_ = false;
  double rate_ = 0; ///< Micro cost per microsecond = cost per second.
  int64_t burst_ = 0;
  int64_t level_ = 0;
  double fraction_ = 0; ///< Of a micro cost, already come in; [0, 1).
  mono_time refilled_at_;
  wall_time recorded_at_{}; ///< Never goes back.
  std::unordered_map<job_id, reservation> reservations_;
  int64_t reserved_ = 0;
  std::map<uint64_t, int64_t> slices_;
  uint64_t next_slice_ = 1;
  uint64_t strays_ = 0;
};

} // namespace troupe::runtime
