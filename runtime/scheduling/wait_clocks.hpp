// Why waiting jobs wait. Each queue (model, tenant) has a reason at any moment,
// and a clock per reason; a job remembers where they stood when it came, and the
// differences are its waits: O(1) per job. What keeps a single job back (a
// retry's delay) counts in the job's place.
//
//   queue   ahead_in_order --- no_free_slot ---------- breaker_open -----
//   job              enter |--- differences of the clocks ---| leave
//   another   block |- retry_delay -| release |--------------| leave
#pragma once

#include "runtime/clock.hpp"
#include "runtime/ids.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace troupe::runtime {

// Numbers are stored: append only. Words as in the API (console.md section 4).
enum class wait_reason : uint8_t {
  ahead_in_order = 1,
  tenant_gate,
  no_free_slot,
  no_worker,
  breaker_open,
  upstream_paused,
  retry_delay,
  retry_budget,
  solo_retry,
  conversation_turn,
  graph_parents,
  shard_moving,
  store_unwritable,
  admission_paused,
  not_announced
};
constexpr size_t wait_reasons = 15;

std::string_view to_string(wait_reason x) noexcept;
constexpr size_t index_of(wait_reason x) noexcept {
  return static_cast<size_t>(x) - 1;
}

/// Seconds per reason, by index_of.
using wait_seconds = std::array<float, wait_reasons>;

/// What is known of a queue whose jobs wait.
struct queue_situation {
  bool store_writable = true;
  bool serving = true;        ///< The model has a worker.
  bool breaker_closed = true; ///< Or half-open: it asks for probes.
  bool upstream_paused = false;
  bool announced = true;  ///< A dispatcher knows of the queue.
  bool throttled = false; ///< The tenant is too far ahead of others.
  bool in_front = true;   ///< Nobody that may start is before its first job.
};
/// The one reason: what blocks from outside, then the gate, then the order.
/// Total.
wait_reason reason_of(const queue_situation& x) noexcept;

/// Of one shard. Not thread-safe; as many entries as jobs wait.
class wait_clocks {
public:
  /// `model`, `tenant`.
  using queue_name = std::pair<std::string, std::string>;

  /// The job waits in this queue from now on. `blocked`: for a reason of its
  /// own, until `release`. A job that waits already moves there, and what it
  /// waited counts on. `tag`: the caller's, see `place`.
  void enter(job_id job, const queue_name& queue, mono_time now,
             std::optional<wait_reason> blocked = std::nullopt,
             uint8_t tag = 0);
  /// From now on blocked for another reason of its own. Unknown jobs: ignored.
  void block(job_id job, wait_reason why, mono_time now);
  /// What kept this job alone back is over.
  void release(job_id job, mono_time now);
  /// It waits no longer. Zeros for an unknown job. Their sum is the time since
  /// `enter`, within a millisecond per reason, up to 49 days.
  wait_seconds leave(job_id job, mono_time now);
  /// What it waited so far.
  wait_seconds look(job_id job, mono_time now) const;
  struct place {
    std::string_view model; ///< Lives until the job leaves.
    uint8_t tag = 0;
  };
  /// Nothing for an unknown job.
  std::optional<place> where(job_id job) const;
  /// Why it waits now; nothing for an unknown job.
  std::optional<wait_reason> reason(job_id job) const;

  /// Why this queue's jobs wait from now on.
  void set(const queue_name& queue, wait_reason why, mono_time now);
  /// Queues of the model in which jobs wait.
  std::vector<queue_name> queues(std::string_view model) const;
  /// Jobs that wait in it.
  size_t waiting(const queue_name& queue) const;

  size_t size() const noexcept { return jobs_.size(); }

private:
  /// Milliseconds, modulo 2^32.
  using marks = std::array<uint32_t, wait_reasons>;
  struct clock {
    queue_name name;
    wait_reason why = wait_reason::no_free_slot;
    mono_time since{};
    std::array<int64_t, wait_reasons> us{};
    size_t jobs = 0;
  };
  struct entry {
    uint32_t queue = 0;
    uint8_t tag = 0;
    std::optional<wait_reason> own; ///< Then `since` counts, not the queue.
    mono_time since{};
    marks at{};
    uint32_t earlier = 0; ///< In `earlier_`; 0: nothing.
  };

  uint32_t clock_of(const queue_name& queue, mono_time now);
  marks marks_of(const clock& c, mono_time now) const noexcept;
  void add_current(const entry& e, mono_time now, wait_seconds& to) const;
  void keep_earlier(entry& e, const wait_seconds& waited);
  /// Closes what counts now and opens what counts next.
  void turn(entry& e, std::optional<wait_reason> own, mono_time now);
  void drop_clock_job(uint32_t index);

  std::vector<clock> clocks_;
  std::vector<uint32_t> free_clocks_;
  std::map<queue_name, uint32_t> by_name_;
  std::unordered_map<job_id, entry> jobs_;
  /// Waits of jobs that changed queue or reason; few.
  std::unordered_map<uint32_t, wait_seconds> earlier_;
  uint32_t next_earlier_ = 0;
};

} // namespace troupe::runtime
