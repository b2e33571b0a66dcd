// Whether calls to one target (a model's workers, an upstream) may go on: a
// circuit breaker (Nygard, Release It!, 2007) on failures and slow first tokens.
//
//            a window too bad                    its time is over,
//   closed ------------------> open(n) <------+  somebody asks
//     ^                          |            |
//     |                          v            | n+1: a probe failed, was slow
//     +--------------------- half_open -------+      or is lost after 30 s;
//        every probe was good                        n: nothing was learnt
//
// Two things lie over that: a pause (429), which refuses calls but changes no
// state, and an operator's force, which wins over everything.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/errc.hpp"
#include "runtime/overload/first_token_baseline.hpp"
#include "runtime/overload/outcome_window.hpp"
#include "runtime/overload/restart_policy.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace troupe::runtime {

enum class breaker_state : uint8_t { closed = 1, open, half_open };

/// closed open half_open.
std::string_view to_string(breaker_state state) noexcept;

/// Why a call is refused, or the breaker not closed.
enum class breaker_cause : uint8_t {
  none = 0,
  failures,  ///< Too many calls failed, or a probe did.
  slow,      ///< Too many first tokens came late, or a probe's did.
  lost,      ///< Half-open ended without an answer to a probe.
  restarted, ///< Its predecessor died, and its knowledge with it.
  probing,   ///< Half-open, and every probe is under way.
  paused,    ///< The target said 429.
  forced     ///< An operator wants it.
};

/// The enumerators' words.
std::string_view to_string(breaker_cause cause) noexcept;

struct breaker_settings {
  uint32_t window_calls = 50; ///< 1..10'000.
  uint32_t calls_min = 10;    ///< 1..window_calls: before that it stays closed.
  double failed_share = 0.5;  ///< (0, 1]; opens at it.
  double slow_share = 0.5;    ///< (0, 1]; opens at it.
  slowness_limits slowness;
  /// min(first * 2^n, cap), each +-20 %; n = 0 after `healthy_after` closed.
  backoff_range open_for{std::chrono::seconds{10}, std::chrono::minutes{5}};
  uint32_t probes = 3; ///< 1..100 good ones close it.
  duration half_open_max{std::chrono::seconds{30}};
  duration pause_max{std::chrono::minutes{5}};
  /// A 429 that does not say how long.
  duration pause_default{std::chrono::seconds{1}};
  /// A target that answers, but has been slow for that long, is slow by nature:
  /// the baseline is learnt anew. Else it would never be used again.
  duration slow_accepted_after{std::chrono::minutes{15}};
};

/// Goes with a call and comes back with its report, so that a call that began
/// before the breaker changed its state says nothing about the time after.
struct call_ticket {
  uint64_t round = 0; ///< 0: not counted (forced).
  uint32_t probe = 0; ///< Number within the round; 0: no probe.
  friend bool operator==(const call_ticket&, const call_ticket&) = default;
};

enum class call_result : uint8_t {
  good = 1,  ///< For a probe: its first token. Else: its end.
  failed,    ///< Connect, 5xx, timeout, truncated or malformed stream.
  uncounted, ///< 4xx, cancelled, stopped by a limit: not the target's fault.
  throttled  ///< 429.
};

struct call_outcome {
  call_ticket ticket;
  call_result result = call_result::good;
  std::optional<duration> first_token; ///< From the call's start; >= 0.
  std::optional<duration> retry_after; ///< With `throttled`; negative is 0.
};

struct breaker_permit {
  bool allowed = false;
  call_ticket ticket;
  /// If refused: why, and when to ask again. While probes are under way that is
  /// the latest time; their reports may end it sooner.
  breaker_cause cause = breaker_cause::none;
  mono_time retry_at{};

  bool is_probe() const noexcept { return ticket.probe != 0; }
};

/// What an attempt's failure says about its target. `transient`: the engine
/// itself says that another attempt may succeed.
call_result judge_failure(bool transient, errc code) noexcept;

/// For the admin API.
struct breaker_snapshot {
  breaker_state state = breaker_state::closed; ///< Forced or its own.
  breaker_cause cause = breaker_cause::none;
  uint32_t calls = 0; ///< In the window; while open: the one that opened it.
  uint32_t failed = 0;
  uint32_t slow = 0;
  uint32_t openings = 0; ///< In a row, without health in between.
  uint32_t probes_out = 0;
  uint32_t probes_good = 0;
  std::optional<mono_time> next_probe; ///< While open by itself.
  std::optional<mono_time> paused_until;
  std::optional<mono_time> forced_until;
  std::optional<duration> first_token_p95; ///< Baseline.
  std::array<uint64_t, 3> transitions{};   ///< To closed, open, half_open.
};

/// Time advances with every call; times may repeat. Not thread-safe. Memory is
/// fixed by the settings.
class breaker {
public:
  /// Rounds of tickets count from `first_round` >= 1: whoever replaces another
  /// breaker starts above all of its.
  explicit breaker(breaker_settings settings = {}, uint64_t first_round = 1)
    : settings_{settings}, round_{first_round} {}

  /// Starts over in `half_open`: what a predecessor knew is lost.
  void resume(mono_time now);

  /// May a call start? Report every allowed one: a probe at its first token
  /// already, since 30 s are too short for whole generations; one that did not
  /// start after all as `uncounted`.
  breaker_permit ask(mono_time now);
  /// When a call may start, as far as is known; `now` if at once. Takes no
  /// permit: for admission.
  mono_time available_at(mono_time now);
  /// A second report of a probe (its end) counts if it failed; other calls
  /// report once. `random` in [0, 1).
  void report(const call_outcome& outcome, mono_time now, double random);

  /// `state`: open or closed; `until` in the past lifts it. Meanwhile its own
  /// state runs on below, unseen, on the reports of calls that began before.
  void force(breaker_state state, mono_time until);
  /// Closed as if new: lifts force and pause, forgets backoff and baseline.
  void reset(mono_time now);

  breaker_state state(mono_time now);
  /// Of the tickets given out now; grows with every change of state.
  uint64_t round() const noexcept { return round_; }
  breaker_snapshot snapshot(mono_time now);

private:
  bool forced(mono_time now) const noexcept { return now < forced_until_; }
  bool healthy(mono_time at) const noexcept;
  void advance(mono_time now);
  void enter(breaker_state state);
  void open(breaker_cause cause, mono_time at, double random);
  void close(mono_time at);
  void half_open(mono_time at);
  bool all_probes_used() const noexcept;
  breaker_cause refusal(mono_time now) const noexcept;
  void pause(std::optional<duration> retry_after, mono_time now);
  void count(const call_outcome& outcome, mono_time now, double random);
  void judge_probe(const call_outcome& outcome, mono_time now, double random);

  breaker_settings settings_;
  breaker_state state_ = breaker_state::closed;
  breaker_cause cause_ = breaker_cause::none;
  uint64_t round_; ///< Grows with every change of state.
  outcome_window window_{settings_.window_calls};
  first_token_baseline baseline_{settings_.slowness};
  // --- closed ---
  mono_time closed_since_{};
  // --- open ---
  mono_time open_until_{};
  uint32_t openings_ = 0;
  mono_time incident_since_{}; ///< First of `openings_`.
  double last_random_ = 0;     ///< For an opening that no report causes.
  // --- half-open ---
  mono_time half_open_until_{};
  std::vector<uint32_t> probes_out_; ///< At most `probes`.
  uint32_t probes_issued_ = 0;
  uint32_t probes_good_ = 0;
  // --- above all states ---
  mono_time paused_until_{};
  mono_time forced_until_{};
  breaker_state forced_state_ = breaker_state::closed;
  std::array<uint64_t, 3> transitions_{};
};

} // namespace troupe::runtime
