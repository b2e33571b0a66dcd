#include "runtime/overload/supervision_plan.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>

namespace troupe::runtime {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""us;

using kind = supervision_action::kind;
using strategy = supervision_strategy;

constexpr mono_time origin{1h};

std::vector<child_spec> children(std::initializer_list<const char*> names) {
  std::vector<child_spec> specs;
  for (auto name : names)
    specs.push_back({.name = name});
  return specs;
}

supervision_action start_of(size_t i, uint64_t generation) {
  return {.what = kind::start_child, .child = i, .generation = generation};
}
supervision_action stop_of(size_t i, uint64_t generation,
                           duration deadline = 10s) {
  return {.what = kind::stop_child,
          .child = i,
          .generation = generation,
          .deadline = deadline};
}
supervision_action plain(kind what, size_t i, uint64_t generation) {
  return {.what = what, .child = i, .generation = generation};
}
const supervision_action done{.what = kind::finished};

// Brings every child up, in order.
void bring_up(supervision_plan& plan, mono_time now) {
  auto todo = plan.start(now);
  for (size_t k = 0; k < todo.size(); ++k) {
    REQUIRE(todo[k].what == kind::start_child);
    auto more = plan.child_started(todo[k].child, todo[k].generation, now);
    todo.insert(todo.end(), more.begin(), more.end());
  }
  REQUIRE(todo.size() == plan.size());
}

// Crashes child `i` as soon as it is up until something else than a restart
// follows; returns that.
supervision_actions crash_until_given_up(supervision_plan& plan, size_t i,
                                         mono_time& now) {
  for (int k = 0; k < 100; ++k) {
    auto out = plan.child_down(i, plan.generation(i), exit_kind::crash, now, 0);
    if (!out.empty())
      return out;
    REQUIRE(plan.next_timer());
    now = *plan.next_timer();
    for (const auto& a : plan.timer(now)) {
      REQUIRE(a.what == kind::start_child);
      plan.child_started(a.child, a.generation, now);
    }
  }
  return {};
}

TEST_CASE("one-for-one starts all at once and restarts the crashed child alone",
          "[runtime][supervision]") {
  supervision_plan plan{strategy::one_for_one, supervisor_intensity,
                        children({"a", "b", "c"})};
  CHECK(plan.start(origin)
        == supervision_actions{start_of(0, 1), start_of(1, 1), start_of(2, 1)});
  for (size_t i = 0; i < 3; ++i)
    CHECK(plan.child_started(i, 1, origin).empty());
  CHECK(plan.child_down(1, 1, exit_kind::crash, origin, 0.5).empty());
  CHECK(plan.state(1) == child_state::down);
  CHECK(plan.next_timer() == origin + 220ms);
  CHECK(plan.timer(origin + 219ms).empty());
  CHECK(plan.timer(origin + 220ms) == supervision_actions{start_of(1, 2)});
  CHECK(plan.state(0) == child_state::running);
  CHECK(plan.generation(0) == 1);
  CHECK(plan.restarts(1) == 1);
}

TEST_CASE("rest-for-one waits for each start and restarts what comes after",
          "[runtime][supervision]") {
  supervision_plan plan{strategy::rest_for_one, supervisor_intensity,
                        children({"journal", "shards", "dead_letters"})};
  CHECK(plan.start(origin) == supervision_actions{start_of(0, 1)});
  CHECK_FALSE(plan.next_timer());
  CHECK(plan.child_started(0, 1, origin)
        == supervision_actions{start_of(1, 1)});
  CHECK(plan.child_started(1, 1, origin)
        == supervision_actions{start_of(2, 1)});
  CHECK(plan.child_started(2, 1, origin).empty());

  auto now = origin + 1min;
  CHECK(plan.child_down(1, 1, exit_kind::crash, now, 0)
        == supervision_actions{stop_of(2, 1)});
  CHECK(plan.child_down(2, 1, exit_kind::normal, now, 0).empty());
  CHECK(plan.timer(now + 200ms) == supervision_actions{start_of(1, 2)});
  CHECK(plan.child_started(1, 2, now + 200ms)
        == supervision_actions{start_of(2, 2)});
  CHECK(plan.generation(0) == 1);
  CHECK(plan.restarts(2) == 0); // Not its crash.
}

TEST_CASE("one-for-all stops in reverse order before anything starts again",
          "[runtime][supervision]") {
  supervision_plan plan{strategy::one_for_all, supervisor_intensity,
                        children({"a", "b", "c"})};
  bring_up(plan, origin);
  CHECK(plan.child_down(1, 1, exit_kind::crash, origin, 0)
        == supervision_actions{stop_of(2, 1)});
  // The backoff is over, but c is not down yet.
  CHECK(plan.timer(origin + 5s).empty());
  CHECK(plan.child_down(2, 1, exit_kind::crash, origin + 5s, 0)
        == supervision_actions{stop_of(0, 1)});
  CHECK(plan.child_down(0, 1, exit_kind::normal, origin + 6s, 0)
        == supervision_actions{start_of(0, 2)});
  CHECK(plan.child_started(0, 2, origin + 6s)
        == supervision_actions{start_of(1, 2)});
}

TEST_CASE("a sibling that dies of its predecessor's crash is not charged",
          "[runtime][supervision]") {
  supervision_plan plan{strategy::rest_for_one, supervisor_intensity,
                        children({"a", "b", "c"})};
  bring_up(plan, origin);
  CHECK(plan.child_down(0, 1, exit_kind::crash, origin, 0)
        == supervision_actions{stop_of(2, 1)});
  CHECK(plan.child_down(1, 1, exit_kind::crash, origin, 0).empty());
  CHECK(plan.child_down(2, 1, exit_kind::crash, origin, 0).empty());
  CHECK(plan.restarts(0) == 1);
  CHECK(plan.restarts(1) == 0);
  CHECK(plan.restarts(2) == 0);
  CHECK(plan.timer(origin + 200ms) == supervision_actions{start_of(0, 2)});
}

TEST_CASE("a group's stop does not count as health of a child that then fails",
          "[runtime][supervision]") {
  supervision_plan plan{strategy::rest_for_one, supervisor_intensity,
                        children({"a", "b"})};
  bring_up(plan, origin);
  plan.child_down(1, 1, exit_kind::crash, origin, 0);
  plan.timer(origin + 200ms);
  plan.child_started(1, 2, origin + 200ms);
  // Stopped early with a, then unable to start for long.
  plan.child_down(0, 1, exit_kind::crash, origin + 1s, 0);
  plan.child_down(1, 2, exit_kind::normal, origin + 1s, 0);
  plan.timer(origin + 2s);
  CHECK(plan.child_started(0, 2, origin + 1h)
        == supervision_actions{start_of(1, 3)});
  plan.child_down(1, 3, exit_kind::crash, origin + 1h, 0);
  CHECK(plan.next_timer() == origin + 1h + 400ms);
}

TEST_CASE("a spent budget quarantines the child and releasing it starts anew",
          "[runtime][supervision]") {
  supervision_plan plan{strategy::one_for_one, supervisor_intensity,
                        children({"a", "b"})};
  bring_up(plan, origin);
  auto now = origin;
  auto out = crash_until_given_up(plan, 0, now);
  CHECK(out == supervision_actions{plain(kind::quarantine_child, 0, 6)});
  CHECK(plan.restarts(0) == 5);
  CHECK(now - origin < 30s);
  CHECK(plan.state(1) == child_state::running);
  CHECK_FALSE(plan.next_timer());
  CHECK(plan.timer(now + 24h).empty());

  CHECK(plan.release(1, now).empty()); // Not quarantined.
  CHECK(plan.release(0, now) == supervision_actions{start_of(0, 7)});
  CHECK(plan.restarts(0) == 0);
  plan.child_started(0, 7, now);
  CHECK(plan.child_down(0, 7, exit_kind::crash, now, 0).empty());
  CHECK(plan.next_timer() == now + 200ms);
}

TEST_CASE("the supervisor's budget binds although no child has spent its own",
          "[runtime][supervision]") {
  std::vector<child_spec> specs;
  for (int i = 0; i < 8; ++i)
    specs.push_back({.name = "m" + std::to_string(i)});
  supervision_plan plan{strategy::one_for_one, supervisor_intensity, specs};
  bring_up(plan, origin);
  for (size_t k = 0; k < 15; ++k) {
    auto i = k % 8;
    REQUIRE(plan.child_down(i, plan.generation(i), exit_kind::crash, origin, 0)
              .empty());
    for (const auto& a : plan.timer(*plan.next_timer()))
      plan.child_started(a.child, a.generation, origin);
  }
  auto out = plan.child_down(7, 2, exit_kind::crash, origin, 0);
  CHECK(out == supervision_actions{plain(kind::quarantine_child, 7, 2)});
  CHECK(plan.restarts(7) == 1);
}

TEST_CASE("an essential child's spent budget stops all, in reverse, then ends",
          "[runtime][supervision]") {
  auto specs = children({"a", "b", "c"});
  specs[1].essential = true;
  supervision_plan plan{strategy::one_for_one, supervisor_intensity, specs};
  bring_up(plan, origin);
  auto now = origin;
  CHECK(crash_until_given_up(plan, 1, now)
        == supervision_actions{plain(kind::escalate, 1, 6), stop_of(2, 1)});
  CHECK(plan.escalated());
  CHECK(plan.child_down(2, 1, exit_kind::normal, now, 0)
        == supervision_actions{stop_of(0, 1)});
  CHECK(plan.child_down(0, 1, exit_kind::normal, now, 0)
        == supervision_actions{done});
  CHECK(plan.stop(now).empty()); // Only once.
}

TEST_CASE("root gives up at the fourth crash in a minute",
          "[runtime][supervision]") {
  auto specs = children({"data"});
  specs[0].essential = true;
  supervision_plan plan{strategy::one_for_one, root_intensity, specs};
  bring_up(plan, origin);
  auto now = origin;
  CHECK(crash_until_given_up(plan, 0, now)
        == supervision_actions{plain(kind::escalate, 0, 4), done});
}

TEST_CASE("a failed start counts as a crash", "[runtime][supervision]") {
  supervision_plan plan{strategy::rest_for_one, supervisor_intensity,
                        children({"a", "b"})};
  plan.start(origin);
  CHECK(plan.child_down(0, 1, exit_kind::crash, origin, 0).empty());
  CHECK(plan.next_timer() == origin + 200ms);
  CHECK(plan.timer(origin + 200ms) == supervision_actions{start_of(0, 2)});
  CHECK(plan.child_down(0, 2, exit_kind::crash, origin + 200ms, 0).empty());
  CHECK(plan.next_timer() == origin + 600ms);
}

TEST_CASE("a deadline passes from stop to kill to abandoned",
          "[runtime][supervision]") {
  supervision_plan plan{strategy::one_for_one, supervisor_intensity,
                        children({"a", "b"})};
  bring_up(plan, origin);
  CHECK(plan.stop(origin) == supervision_actions{stop_of(1, 1)});
  CHECK(plan.next_timer() == origin + 10s);
  CHECK(plan.timer(origin + 10s)
        == supervision_actions{plain(kind::kill_child, 1, 1)});
  CHECK(plan.next_timer() == origin + 15s);
  CHECK(
    plan.timer(origin + 15s)
    == supervision_actions{plain(kind::abandon_child, 1, 1), stop_of(0, 1)});
  CHECK(plan.state(1) == child_state::abandoned);
  // Its late death changes nothing.
  CHECK(plan.child_down(1, 1, exit_kind::crash, origin + 16s, 0).empty());
  CHECK(plan.child_down(0, 1, exit_kind::normal, origin + 16s, 0)
        == supervision_actions{done});
}

TEST_CASE("a child without a stop deadline is never killed",
          "[runtime][supervision]") {
  auto specs = children({"data"});
  specs[0].stop_deadline = duration{0};
  supervision_plan plan{strategy::one_for_one, root_intensity, specs};
  bring_up(plan, origin);
  CHECK(plan.stop(origin) == supervision_actions{stop_of(0, 1, duration{0})});
  CHECK_FALSE(plan.next_timer());
  CHECK(plan.timer(origin + 24h).empty());
}

TEST_CASE("a stuck sibling is replaced, but a stuck essential one escalates",
          "[runtime][supervision]") {
  for (bool essential : {false, true}) {
    CAPTURE(essential);
    auto specs = children({"a", "b"});
    specs[1].essential = essential;
    supervision_plan plan{strategy::rest_for_one, supervisor_intensity, specs};
    bring_up(plan, origin);
    plan.child_down(0, 1, exit_kind::crash, origin, 0);
    plan.timer(origin + 10s);
    auto out = plan.timer(origin + 15s);
    REQUIRE_FALSE(out.empty());
    CHECK(out[0] == plain(kind::abandon_child, 1, 1));
    out.erase(out.begin());
    if (essential)
      CHECK(out == supervision_actions{plain(kind::escalate, 1, 1), done});
    else
      CHECK(out == supervision_actions{start_of(0, 2)});
  }
}

TEST_CASE("nothing restarts while draining", "[runtime][supervision]") {
  auto specs = children({"a", "b", "c"});
  specs[2].essential = true;
  supervision_plan plan{strategy::one_for_one, supervisor_intensity, specs};
  bring_up(plan, origin);
  plan.child_down(0, 1, exit_kind::crash, origin, 0);
  plan.drain();
  CHECK_FALSE(plan.next_timer()); // a waits no more.
  CHECK(plan.timer(origin + 1h).empty());
  CHECK(plan.child_down(1, 1, exit_kind::crash, origin, 0).empty());
  CHECK(plan.timer(origin + 1h).empty());
  CHECK(plan.child_down(2, 1, exit_kind::crash, origin, 0)
        == supervision_actions{plain(kind::escalate, 2, 1), done});
}

TEST_CASE("events of an older generation are dropped and counted",
          "[runtime][supervision]") {
  auto specs = children({"a"});
  specs[0].generation = 41; // Its supervisor was restarted.
  supervision_plan plan{strategy::one_for_one, supervisor_intensity, specs};
  CHECK(plan.start(origin) == supervision_actions{start_of(0, 42)});
  CHECK(plan.child_started(0, 41, origin).empty());
  CHECK(plan.state(0) == child_state::starting);
  CHECK(plan.child_down(0, 41, exit_kind::crash, origin, 0).empty());
  CHECK(plan.child_down(7, 42, exit_kind::crash, origin, 0).empty());
  CHECK(plan.state(0) == child_state::starting);
  CHECK(plan.stale_events() == 3);
}

TEST_CASE("a transient child may end; a temporary one never comes back",
          "[runtime][supervision]") {
  auto specs = children({"a", "b", "c"});
  specs[1].mode = restart_mode::transient;
  specs[2].mode = restart_mode::temporary;
  supervision_plan plan{strategy::rest_for_one, supervisor_intensity, specs};
  bring_up(plan, origin);
  CHECK(plan.child_down(1, 1, exit_kind::normal, origin, 0).empty());
  CHECK(plan.state(1) == child_state::finished);
  CHECK(plan.child_down(0, 1, exit_kind::normal, origin, 0)
        == supervision_actions{stop_of(2, 1)});
  CHECK(plan.child_down(2, 1, exit_kind::normal, origin, 0).empty());
  CHECK(plan.timer(origin + 200ms) == supervision_actions{start_of(0, 2)});
  CHECK(plan.child_started(0, 2, origin + 200ms).empty());
  CHECK(plan.state(2) == child_state::finished);
}

TEST_CASE("what follows a quarantined child in a chain restarts without it",
          "[runtime][supervision]") {
  supervision_plan plan{strategy::rest_for_one, supervisor_intensity, [] {
                          auto specs = children({"a", "b"});
                          specs[0].intensity.restarts_max = 0;
                          return specs;
                        }()};
  bring_up(plan, origin);
  CHECK(
    plan.child_down(0, 1, exit_kind::crash, origin, 0)
    == supervision_actions{plain(kind::quarantine_child, 0, 1), stop_of(1, 1)});
  CHECK(plan.child_down(1, 1, exit_kind::normal, origin, 0)
        == supervision_actions{start_of(1, 2)});
  plan.child_started(1, 2, origin);
  // Released, the chain is rebuilt in order.
  CHECK(plan.release(0, origin) == supervision_actions{stop_of(1, 2)});
  CHECK(plan.child_down(1, 2, exit_kind::normal, origin, 0)
        == supervision_actions{start_of(0, 2)});
  CHECK(plan.child_started(0, 2, origin)
        == supervision_actions{start_of(1, 3)});
}

TEST_CASE("a stop during the first start ends without starting the rest",
          "[runtime][supervision]") {
  supervision_plan plan{strategy::rest_for_one, supervisor_intensity,
                        children({"a", "b"})};
  plan.start(origin);
  CHECK(plan.stop(origin) == supervision_actions{stop_of(0, 1)});
  CHECK(plan.child_started(0, 1, origin).empty());
  CHECK(plan.child_down(0, 1, exit_kind::normal, origin, 0)
        == supervision_actions{done});
}

TEST_CASE("a supervisor without children ends at once",
          "[runtime][supervision]") {
  supervision_plan plan{strategy::one_for_all, supervisor_intensity, {}};
  CHECK(plan.start(origin).empty());
  CHECK(plan.stop(origin) == supervision_actions{done});
}

TEST_CASE("a dormant child starts when it is woken, and rests on request",
          "[runtime][supervision]") {
  auto specs = children({"a", "b"});
  specs[1].dormant = true;
  supervision_plan plan{strategy::one_for_one, supervisor_intensity, specs};
  CHECK(plan.start(origin) == supervision_actions{start_of(0, 1)});
  plan.child_started(0, 1, origin);
  CHECK(plan.state(1) == child_state::dormant);
  CHECK_FALSE(plan.next_timer());
  CHECK(plan.wake(0, origin).empty()); // It runs.
  CHECK(plan.wake(1, origin) == supervision_actions{start_of(1, 1)});
  plan.child_started(1, 1, origin);
  CHECK(plan.rest(1, origin) == supervision_actions{stop_of(1, 1)});
  CHECK(plan.rest(1, origin).empty());
  CHECK(plan.wake(1, origin).empty()); // Not before it is down.
  CHECK(plan.child_down(1, 1, exit_kind::normal, origin, 0).empty());
  CHECK(plan.state(1) == child_state::dormant);
  CHECK(plan.wake(1, origin) == supervision_actions{start_of(1, 2)});
  CHECK(plan.restarts(1) == 0);
}

TEST_CASE("a child at rest is not restarted, whatever it was in",
          "[runtime][supervision]") {
  supervision_plan plan{strategy::one_for_one, supervisor_intensity,
                        children({"a"})};
  bring_up(plan, origin);
  // In its backoff.
  CHECK(plan.child_down(0, 1, exit_kind::crash, origin, 0).empty());
  CHECK(plan.rest(0, origin).empty());
  CHECK_FALSE(plan.next_timer());
  CHECK(plan.timer(origin + 1h).empty());
  CHECK(plan.wake(0, origin + 1h) == supervision_actions{start_of(0, 2)});
  plan.child_started(0, 2, origin + 1h);
  // Quarantined: its budget is new afterwards.
  auto now = origin + 1h;
  auto out = crash_until_given_up(plan, 0, now);
  REQUIRE(plan.state(0) == child_state::quarantined);
  CHECK(plan.rest(0, now).empty());
  CHECK(plan.wake(0, now).size() == 1);
  plan.child_started(0, plan.generation(0), now);
  plan.child_down(0, plan.generation(0), exit_kind::crash, now, 0);
  CHECK(plan.state(0) == child_state::down);
}

TEST_CASE("one that does not stop is killed, and then rests",
          "[runtime][supervision]") {
  supervision_plan plan{strategy::one_for_one, supervisor_intensity,
                        children({"a"})};
  bring_up(plan, origin);
  plan.rest(0, origin);
  CHECK(plan.timer(origin + 10s)
        == supervision_actions{plain(kind::kill_child, 0, 1)});
  CHECK(plan.child_down(0, 1, exit_kind::crash, origin + 10s, 0).empty());
  CHECK(plan.state(0) == child_state::dormant);
  CHECK(plan.stop(origin + 11s) == supervision_actions{done});
  CHECK(plan.wake(0, origin + 12s).empty());
}

} // namespace
} // namespace troupe::runtime
