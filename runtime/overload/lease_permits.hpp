// A dispatcher's side of its model's breaker: how many leases may go now, and
// when to ask for more. The breaker pushes what changed; while it is closed that
// is a standing permit, while half-open each probe is granted by itself.
//
//   silent --heard--> closed:    any number of leases
//     |               not closed: as many as there are probes; ask for them
//     | breaker_absence_max
//     v
//   on its own: any number of leases, none of them counted
#pragma once

#include "runtime/clock.hpp"
#include "runtime/ids.hpp"
#include "runtime/overload/breaker.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace troupe::runtime {

/// What a breaker lets its dispatcher do from now on.
struct breaker_news {
  uint64_t generation = 0; ///< Of the breaker.
  uint64_t round = 0;      ///< Probes of another one are worth nothing.
  bool closed = false;     ///< Any number of calls, all with `standing`.
  call_ticket standing;
  std::vector<call_ticket> probes; ///< Granted by this message; not closed.
  mono_time retry_at{};            ///< When to ask (again); not closed.
};

/// A breaker that is away longer is quarantined, not restarting: its backoff is
/// at most 36 s. The model then works without one.
constexpr duration breaker_absence_max = std::chrono::seconds{40};

/// Time advances with every call. Not thread-safe.
class lease_permits {
public:
  explicit lease_permits(mono_time now) : silent_since_{now} {}

  /// Replaces what was known, but for probes of the same round.
  void heard(const breaker_news& news);
  /// The breaker of that generation went down. What it said stays in force.
  void breaker_down(uint64_t generation, mono_time now);

  /// The breaker lets everything through, or was never heard of.
  bool closed() const noexcept {
    return latest_.generation == 0 || latest_.closed;
  }
  /// Leases that may be asked for now.
  size_t limit(mono_time now) const noexcept;
  /// For a lease that goes; at most `limit` times.
  call_ticket take(job_id job);
  /// The job runs: its ticket is its worker's to report.
  void granted(job_id job) { leased_.erase(job); }
  /// The lease came to nothing. A probe is to be given back, as `uncounted`.
  std::optional<call_ticket> refused(job_id job);

  /// Whether to ask the breaker, for `wanted` leases that wait and have a slot.
  /// Once it is true it is false until the answer.
  bool should_ask(size_t wanted, mono_time now);
  /// Probes that found no job: to be given back, as `uncounted`.
  std::vector<call_ticket> take_unused();

private:
  bool alone(mono_time now) const noexcept;

  breaker_news latest_;
  std::optional<mono_time> silent_since_;
  bool asked_ = false;
  std::map<job_id, call_ticket> leased_; ///< Probes without an answer.
};

} // namespace troupe::runtime
