// What a supervisor does about its children: the order of starts and stops,
// restarts with backoff under two budgets, quarantine, escalation. It decides;
// the actor shell (actors/supervisor) performs.
//
//   shell: event -> plan -> actions, performed in order
//          then re-arm one timer at next_timer() (stale timers are harmless)
//
// An action may be answered at once: the shell feeds `child_started` after a
// spawn and appends what that returns to the list it is working through.
//
//   (a dormant child leaves and enters this by wake and rest)
//
//   down --start--> starting --child_started--> running --+
//    ^ ^                |                          |      |
//    | +-- crash: wait -+------- child_down -------+      stop, or a
//    |                  |                                 sibling's restart
//    |                  +-- budget spent                  |
//    |                       --> quarantined              v
//    +---- child_down ------- killed <--deadline-- stopping
//    +---- abandon_child <--grace--+
//
// Not thread-safe, no clock of its own. O(children) per event.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/overload/restart_policy.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

enum class supervision_strategy : uint8_t {
  one_for_one = 1, ///< Only the child that went down starts again.
  rest_for_one,    ///< It and every child after it (a chain of dependants).
  one_for_all      ///< All of them.
};

struct child_spec {
  std::string name;
  restart_mode mode = restart_mode::permanent;
  /// Its budget spent, the supervisor dies instead of quarantining it.
  bool essential = false;
  /// From stop to kill; zero: waits for ever (supervisors below).
  duration stop_deadline{std::chrono::seconds{10}};
  backoff_range backoff = actor_backoff;
  restart_intensity intensity = child_intensity;
  /// Last generation used under this name, 0 if none: names outlive the
  /// supervisor, so its successor passes what the catalog knows.
  uint64_t generation = 0;
  bool dormant = false; ///< Not started before `wake`.
};

enum class child_state : uint8_t {
  down = 1, ///< Waits for its turn or its backoff.
  starting, ///< A start action is out; no answer yet.
  running,
  stopping,    ///< A stop action is out.
  killed,      ///< A kill action is out.
  finished,    ///< Ended for good: mode, or the supervisor stops or drains.
  quarantined, ///< Budget spent; waits for `release`.
  abandoned,   ///< Did not die of its kill while the supervisor stops.
  dormant      ///< Not wanted now.
};

std::string_view to_string(child_state state) noexcept;

struct supervision_action {
  enum class kind : uint8_t {
    start_child = 1,  ///< Spawn it; answer child_started or child_down.
    stop_child,       ///< Ask it to end; answer child_down.
    kill_child,       ///< Its stop deadline passed; answer child_down.
    abandon_child,    ///< Nor did it die of that in kill_grace: log, count. Its
                      ///< successor may start; its messages are stale.
    quarantine_child, ///< Budget spent: tell the catalog, log, count.
    escalate,         ///< An essential child cannot be restarted; stops follow.
    finished          ///< Every child is down after stop or escalate: die.
  };
  kind what;
  size_t child = 0;        ///< Index of its spec; 0 for `finished`.
  uint64_t generation = 0; ///< > 1 more than the spec's: a restart.
  /// stop_child: how long until kill_child follows; zero: never.
  duration deadline{0};

  friend bool operator==(const supervision_action&,
                         const supervision_action&) = default;
};

using supervision_actions = std::vector<supervision_action>;

/// Every wait for a killed child ends after this.
constexpr duration kill_grace = std::chrono::seconds{5};

/// Under one_for_one children start together, in order. Otherwise each start
/// waits until the child before it runs, and a group restart stops the members
/// in reverse order, one by one, before it starts them in order. A group restart
/// is charged once, to the child that went down, and costs its siblings nothing.
/// Temporary children that a group restart stops stay down; children that had
/// finished stay finished; quarantined ones are passed over, and what comes
/// after them in the group is restarted without them.
class supervision_plan {
public:
  supervision_plan(supervision_strategy strategy, restart_intensity intensity,
                   std::vector<child_spec> children);

  /// Starts the children, first to last. Once.
  supervision_actions start(mono_time now);

  // --- what the shell reports. Events of another generation than the child's
  // current one are dropped and counted. ---

  supervision_actions child_started(size_t i, uint64_t generation,
                                    mono_time now);
  /// Its down message, or a start that failed (`crash`). While it is being
  /// stopped any reason counts as stopped. `random` in [0, 1).
  supervision_actions child_down(size_t i, uint64_t generation, exit_kind how,
                                 mono_time now, double random);
  /// Time has come to `next_timer()`; harmless when early or late.
  supervision_actions timer(mono_time now);

  // --- what others ask ---

  /// From now on nothing is started; what runs runs on, what is down stays down.
  /// An essential child that crashes while draining escalates, since the drain
  /// cannot end well.
  void drain() noexcept;
  /// Stops all children in reverse order, then `finished`. Idempotent.
  supervision_actions stop(mono_time now);
  /// Lifts a quarantine with a fresh budget of the child (the supervisor's
  /// stays); no effect on other states or while draining or stopping.
  supervision_actions release(size_t i, mono_time now);
  /// Starts a dormant child; no effect on others, or while draining or stopping.
  supervision_actions wake(size_t i, mono_time now);
  /// Stops the child if it runs; then it is dormant, with fresh budgets of its
  /// own. No effect on one that ended for good.
  supervision_actions rest(size_t i, mono_time now);

  /// When `timer` must be called next, if at all.
  std::optional<mono_time> next_timer() const noexcept;

  // --- what the catalog shows ---

  std::span<const child_spec> specs() const noexcept { return specs_; }
  size_t size() const noexcept { return specs_.size(); }
  child_state state(size_t i) const { return slots_.at(i).state; }
  uint64_t generation(size_t i) const { return slots_.at(i).generation; }
  /// Restarts of child `i` since it was created or released.
  uint32_t restarts(size_t i) const { return slots_.at(i).restarts; }
  bool draining() const noexcept { return draining_; }
  /// True after `escalate`: the supervisor dies of an error.
  bool escalated() const noexcept { return escalated_; }
  /// Events dropped because of their generation.
  uint64_t stale_events() const noexcept { return stale_events_; }

private:
  struct slot {
    child_state state = child_state::down;
    uint64_t generation = 0;
    bool recycle = false; ///< Must be down before the group starts again.
    bool rests = false;   ///< Will be dormant once it is down.
    mono_time due{};      ///< down: not before; stopping, killed: at most.
    uint32_t restarts = 0;
    restart_window window;
    restart_backoff backoff;
  };

  bool current(size_t i, uint64_t generation) noexcept;
  bool grouped() const noexcept {
    return strategy_ != supervision_strategy::one_for_one;
  }
  void emit(supervision_action::kind what, size_t i, supervision_actions& out,
            duration deadline = duration{0}) const;
  void decide_restart(size_t i, mono_time now, double random,
                      supervision_actions& out);
  void give_up(size_t i, mono_time now, supervision_actions& out);
  void escalate(size_t i, supervision_actions& out);
  void recycle_group(size_t i, mono_time due) noexcept;
  void went_down(size_t i, mono_time now) noexcept;
  void lie_down(size_t i) noexcept;
  void end_for_good(size_t i) noexcept;
  void abandon(size_t i, mono_time now, supervision_actions& out);
  void settle(mono_time now, supervision_actions& out);
  bool stop_last(mono_time now, supervision_actions& out);
  void ask_to_stop(size_t i, mono_time now, supervision_actions& out);
  void start_due(mono_time now, supervision_actions& out);

  supervision_strategy strategy_;
  restart_window window_;
  std::vector<child_spec> specs_;
  std::vector<slot> slots_;
  mono_time hold_until_{}; ///< No start of a group before this.
  bool started_ = false;
  bool draining_ = false;
  bool stopping_ = false;
  bool escalated_ = false;
  bool finished_ = false;
  uint64_t stale_events_ = 0;
};

} // namespace troupe::runtime
