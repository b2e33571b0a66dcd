// What a replay run does when. Pure: time comes in, a step comes out; outcomes
// are reported back. The run that it holds is at every moment enough to go on
// from after a crash, if it was kept after each `listed`: a letter that is asked
// for again answers with the job that it became.
//
//   list --listed--> waiting --replay--> asked --replayed--> open --ended
//                       ^                  | deferred, skipped
//                       +------------------+
//
// The pace: one letter per 1 / rate. A deferral doubles the gap (to 64 times),
// each success takes a tenth of the excess back.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/replay_run.hpp"
#include "runtime/storage/store.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <variant>
#include <vector>

namespace troupe::runtime {

class replay_plan {
public:
  static constexpr uint32_t page_letters = 100; ///< Listed at once.
  static constexpr size_t asked_max = 16;       ///< Under way to a shard.
  static constexpr size_t open_max = 256;       ///< Replays not ended.
  static constexpr double rate_min = 0.1;       ///< Letters per second.
  static constexpr double rate_max = 500;

  explicit replay_plan(replay_run run);
  const replay_run& run() const noexcept { return run_; }

  // --- steering: false when it changes nothing ------------------------------
  bool pause();
  bool resume();
  bool cancel();
  /// Outside of rate_min..rate_max, or NaN: nothing changes.
  bool set_rate(double per_s, mono_time now);

  // --- what to do -----------------------------------------------------------
  struct idle {
    std::optional<mono_time> until; ///< Nothing: until something is reported.
  };
  struct list_letters {
    job_query query;
  };
  struct replay_letter {
    job_id letter;
  };
  using step = std::variant<idle, list_letters, replay_letter>;
  /// Ask until `idle`. Completes the run when nothing is left.
  step next(mono_time now);

  // --- what came of it --------------------------------------------------------
  /// `next_page`: where the next page goes on; nothing behind the last.
  void listed(const std::vector<job_id>& letters,
              std::optional<job_id> next_page);
  void list_failed(mono_time now);
  void replayed(job_id letter, job_id as);
  void skipped(job_id letter);
  /// `retry_after`: when the queue may take it, >= 0.
  void deferred(job_id letter, duration retry_after, mono_time now);
  /// A replay's terminal record.
  void ended(const job_record& job);

private:
  job_query next_query() const;
  duration gap() const noexcept;
  bool settle(job_id letter);

  replay_run run_;
  std::set<job_id> asked_;
  bool listing_ = false;
  double slowness_ = 1.0; ///< 1..64
  mono_time next_at_{};
};

/// What a run does with a letter that it has read.
enum class letter_fate : uint8_t {
  replay = 1,
  mine, ///< Replayed by this run before a crash: it counts.
  skip  ///< Settled by others, poison, or without its request.
};
letter_fate fate_of(const job_record& letter, bool has_request,
                    const replay_run& run) noexcept;

/// May the same letter be taken later?
bool may_pass(errc refusal) noexcept;

} // namespace troupe::runtime
