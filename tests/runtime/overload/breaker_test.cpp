#include "runtime/overload/breaker.hpp"

#include "runtime/result.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

constexpr double middle = 0.5; // No jitter.

/// A breaker and the clock of its caller.
struct target {
  breaker b;
  mono_time now{1h};

  explicit target(breaker_settings settings = {}) : b{settings} {}

  breaker_permit ask() { return b.ask(now); }
  void report(call_ticket ticket, call_result result,
              std::optional<duration> first_token = {}) {
    b.report({.ticket = ticket, .result = result, .first_token = first_token},
             now, middle);
  }
  /// `n` calls that are permitted, one each 100 ms.
  void calls(int n, call_result result, std::optional<duration> first = {}) {
    for (int i = 0; i < n; ++i) {
      auto permit = ask();
      REQUIRE(permit.allowed);
      now += 100ms;
      report(permit.ticket, result, first);
    }
  }
  void throttle(std::optional<duration> retry_after) {
    b.report({.result = call_result::throttled, .retry_after = retry_after},
             now, middle);
  }
  breaker_state state() { return b.state(now); }
  /// A closed breaker with a baseline of about 200 ms.
  void warm_up() { calls(1300, call_result::good, 200ms); }
};

using enum call_result;

TEST_CASE("a breaker opens when half of its window failed, not before",
          "[runtime][overload]") {
  target t;
  t.calls(25, good);
  t.calls(24, failed);
  CHECK(t.state() == breaker_state::closed);
  t.calls(1, failed);
  CHECK(t.state() == breaker_state::open);
  auto snapshot = t.b.snapshot(t.now);
  CHECK(snapshot.cause == breaker_cause::failures);
  CHECK(snapshot.calls == 50);
  CHECK(snapshot.failed == 25);
  CHECK(snapshot.next_probe == t.now + 10s);
}

TEST_CASE("nine failures alone open nothing, the tenth does",
          "[runtime][overload]") {
  target t;
  t.calls(9, failed);
  CHECK(t.state() == breaker_state::closed);
  t.calls(1, failed);
  CHECK(t.state() == breaker_state::open);
}

TEST_CASE("what is not the target's fault does not count",
          "[runtime][overload]") {
  target t;
  t.calls(500, uncounted);
  CHECK(t.b.snapshot(t.now).calls == 0);
  t.throttle(0s);
  CHECK(t.b.snapshot(t.now).calls == 0);
  CHECK(t.state() == breaker_state::closed);
}

TEST_CASE("an open breaker refuses until its time, then lets probes through",
          "[runtime][overload]") {
  target t;
  t.calls(10, failed);
  auto opened = t.now;
  t.now = opened + 10s - 1us;
  auto refused = t.ask();
  CHECK_FALSE(refused.allowed);
  CHECK(refused.cause == breaker_cause::failures);
  CHECK(refused.retry_at == opened + 10s);
  CHECK(t.b.available_at(t.now) == opened + 10s);
  t.now += 1us;
  CHECK(t.b.available_at(t.now) == t.now);
  for (int i = 0; i < 3; ++i) {
    auto probe = t.ask();
    REQUIRE(probe.allowed);
    CHECK(probe.is_probe());
  }
  CHECK(t.state() == breaker_state::half_open);
  auto fourth = t.ask();
  CHECK_FALSE(fourth.allowed);
  CHECK(fourth.cause == breaker_cause::probing);
  CHECK(fourth.retry_at == t.now + 30s);
  CHECK(t.b.available_at(t.now) == t.now + 30s);
}

TEST_CASE("good probes close it with an empty window", "[runtime][overload]") {
  target t;
  t.calls(10, failed);
  t.now += 10s;
  t.calls(2, good);
  CHECK(t.state() == breaker_state::half_open);
  t.calls(1, good);
  CHECK(t.state() == breaker_state::closed);
  CHECK(t.b.snapshot(t.now).calls == 0);
  CHECK_FALSE(t.ask().is_probe());
}

TEST_CASE("a bad probe opens it for twice as long, up to five minutes",
          "[runtime][overload]") {
  target t;
  t.calls(10, failed);
  for (auto expected : {10s, 20s, 40s, 80s, 160s, 300s, 300s, 300s}) {
    CHECK(t.b.available_at(t.now) == t.now + expected);
    t.now += expected;
    t.calls(1, failed);
    CHECK(t.state() == breaker_state::open);
  }
}

TEST_CASE("the time open is jittered by a fifth to either side",
          "[runtime][overload]") {
  for (auto [random, expected] :
       {std::pair{0.0, 8s}, std::pair{0.5, 10s}, std::pair{1.0, 12s}}) {
    breaker b;
    auto now = mono_time{1h};
    for (int i = 0; i < 10; ++i)
      b.report({.ticket = b.ask(now).ticket, .result = failed}, now, random);
    CHECK(b.available_at(now) == now + expected);
  }
}

TEST_CASE("the backoff starts over only after a healthy time",
          "[runtime][overload]") {
  target t;
  auto open_and_close = [&] {
    t.calls(10, failed);
    auto wait = t.b.available_at(t.now) - t.now;
    t.now += wait;
    t.calls(3, good);
    REQUIRE(t.state() == breaker_state::closed);
    return wait;
  };
  CHECK(open_and_close() == 10s);
  CHECK(open_and_close() == 20s);
  t.now += 155s - 1s - 1us; // The failures take the other second.
  CHECK(open_and_close() == 40s);
  CHECK(t.b.snapshot(t.now).openings == 3);
  t.now += 155s;
  CHECK(t.b.snapshot(t.now).openings == 0);
  CHECK(open_and_close() == 10s);
}

TEST_CASE("a lost probe ends half-open as a bad one would",
          "[runtime][overload]") {
  target t;
  t.calls(10, failed);
  t.now += 10s;
  t.calls(2, good);
  auto lost = t.ask();
  REQUIRE(lost.is_probe());
  auto end = t.now - 200ms + 30s;
  t.now = end - 1us;
  CHECK(t.state() == breaker_state::half_open);
  t.now = end;
  CHECK(t.state() == breaker_state::open);
  CHECK(t.b.snapshot(t.now).cause == breaker_cause::lost);
  CHECK(t.b.available_at(t.now) == end + 20s);
  t.report(lost.ticket, good); // Too late to mean anything.
  CHECK(t.state() == breaker_state::open);
}

TEST_CASE("few probes that were all good suffice when no more calls come",
          "[runtime][overload]") {
  target t;
  t.calls(10, failed);
  t.now += 10s;
  t.calls(1, good);
  t.now += 1h;
  CHECK(t.state() == breaker_state::closed);
}

TEST_CASE("probes that say nothing are replaced, and open again at once",
          "[runtime][overload]") {
  target t;
  t.calls(10, failed);
  t.now += 10s;
  t.calls(100, uncounted); // Ten seconds of cancelled probes.
  CHECK(t.state() == breaker_state::half_open);
  t.now += 20s;
  CHECK(t.state() == breaker_state::open);
  CHECK(t.b.snapshot(t.now).openings == 1); // Nothing new against the target.
  t.calls(3, good);
  CHECK(t.state() == breaker_state::closed);
}

TEST_CASE("a probe reported twice counts once, unless its end is bad",
          "[runtime][overload]") {
  target t;
  t.calls(10, failed);
  t.now += 10s;
  auto probe = t.ask();
  for (int i = 0; i < 5; ++i)
    t.report(probe.ticket, good, 200ms);
  CHECK(t.state() == breaker_state::half_open);
  CHECK(t.b.snapshot(t.now).probes_good == 1);
  t.report(probe.ticket, failed); // Its stream was truncated.
  CHECK(t.state() == breaker_state::open);
}

TEST_CASE("calls from before a change of state do not count after it",
          "[runtime][overload]") {
  target t;
  std::vector<call_ticket> hanging;
  for (int i = 0; i < 100; ++i)
    hanging.push_back(t.ask().ticket);
  t.calls(10, failed);
  t.now += 10s;
  auto probe = t.ask();
  for (auto ticket : hanging)
    t.report(ticket, good);
  CHECK(t.state() == breaker_state::half_open);
  t.report(probe.ticket, good);
  t.calls(2, good);
  for (auto ticket : hanging)
    t.report(ticket, failed);
  CHECK(t.state() == breaker_state::closed);
}

TEST_CASE("half of the first tokens late opens it", "[runtime][overload]") {
  target t;
  t.warm_up();
  t.calls(24, good, 2s);
  CHECK(t.state() == breaker_state::closed);
  t.calls(1, good, 2s);
  CHECK(t.state() == breaker_state::open);
  CHECK(t.b.snapshot(t.now).cause == breaker_cause::slow);
  t.now += 10s;
  t.calls(1, good, 2s); // A slow probe is a bad one.
  CHECK(t.state() == breaker_state::open);
  t.now += 20s;
  t.calls(3, good, 200ms);
  CHECK(t.state() == breaker_state::closed);
}

TEST_CASE("an incident does not move what counts as slow",
          "[runtime][overload]") {
  target t;
  t.warm_up();
  auto usual = t.b.snapshot(t.now).first_token_p95;
  REQUIRE(usual);
  t.calls(200, good, 500ms); // Creeps up before it breaks.
  for (auto end = t.now + 10min; t.now < end; t.now += 1s) {
    auto permit = t.ask();
    if (permit.allowed)
      t.report(permit.ticket, good, 3s);
    REQUIRE(t.b.snapshot(t.now).first_token_p95 == usual);
  }
  CHECK(t.state() != breaker_state::closed);
  t.now = t.b.available_at(t.now);
  t.warm_up();
  // Nor later, by what was learnt just before it broke.
  CHECK(t.b.snapshot(t.now).first_token_p95 == usual);
}

TEST_CASE("failed calls teach nothing about first tokens",
          "[runtime][overload]") {
  target t;
  t.warm_up();
  auto usual = t.b.snapshot(t.now).first_token_p95;
  for (int i = 0; i < 1000; ++i) {
    t.calls(2, good, 200ms);
    t.calls(1, failed, 500ms); // Truncated.
  }
  CHECK(t.state() == breaker_state::closed);
  CHECK(t.b.snapshot(t.now).first_token_p95 == usual);
}

TEST_CASE("a target that stays slow and works is used again after a while",
          "[runtime][overload]") {
  target t;
  t.warm_up();
  auto began = t.now;
  auto closed_at = mono_time::max();
  for (auto end = t.now + 1h; t.now < end; t.now += 1s) {
    auto permit = t.ask();
    if (permit.allowed)
      t.report(permit.ticket, good, 3s);
    if (t.now - began < 15min) {
      if (t.now - began > 1min)
        REQUIRE(t.state() != breaker_state::closed);
    } else if (t.state() == breaker_state::closed) {
      closed_at = std::min(closed_at, t.now);
    }
  }
  CHECK(closed_at - began < 30min);
  CHECK(t.state() == breaker_state::closed);
  CHECK(t.b.snapshot(t.now).first_token_p95 > 3s); // Its new nature.
}

TEST_CASE("a pause only grows, and never beyond five minutes",
          "[runtime][overload]") {
  target t;
  t.throttle(20s);
  auto paused = t.ask();
  CHECK_FALSE(paused.allowed);
  CHECK(paused.cause == breaker_cause::paused);
  CHECK(paused.retry_at == t.now + 20s);
  CHECK(t.state() == breaker_state::closed);
  CHECK(t.b.snapshot(t.now).cause == breaker_cause::paused);
  auto first = t.now;
  for (auto shorter : {5s, 0s, -3600s}) {
    t.throttle(shorter);
    CHECK(t.ask().retry_at == first + 20s);
  }
  t.throttle({});
  CHECK(t.ask().retry_at == first + 20s);
  t.throttle(duration::max());
  CHECK(t.ask().retry_at == first + 5min);
  t.throttle(duration::min());
  CHECK(t.b.available_at(t.now) == first + 5min);
  t.now = first + 5min;
  CHECK(t.ask().allowed);
}

TEST_CASE("a 429 without a time pauses for a second", "[runtime][overload]") {
  target t;
  t.throttle({});
  CHECK(t.b.available_at(t.now) == t.now + 1s);
}

TEST_CASE("a throttled probe is neither good nor bad", "[runtime][overload]") {
  target t;
  t.calls(10, failed);
  t.now += 10s;
  auto probe = t.ask();
  t.b.report({.ticket = probe.ticket, .result = throttled, .retry_after = 40s},
             t.now, middle);
  CHECK(t.state() == breaker_state::half_open);
  CHECK(t.ask().cause == breaker_cause::paused);
  t.now += 40s;
  CHECK(t.b.snapshot(t.now).openings == 1);
  t.calls(3, good);
  CHECK(t.state() == breaker_state::closed);
}

TEST_CASE("a force wins over state and pause until its time",
          "[runtime][overload]") {
  target t;
  t.throttle(5min);
  t.b.force(breaker_state::closed, t.now + 2min);
  t.calls(50, failed); // Permitted and not counted.
  CHECK(t.state() == breaker_state::closed);
  CHECK(t.b.snapshot(t.now).cause == breaker_cause::forced);
  CHECK(t.b.snapshot(t.now).calls == 0);
  t.b.force(breaker_state::open, t.now + 10min);
  auto refused = t.ask();
  CHECK_FALSE(refused.allowed);
  CHECK(refused.cause == breaker_cause::forced);
  CHECK(refused.retry_at == t.now + 10min);
  CHECK(t.b.available_at(t.now) == t.now + 10min);
  t.now += 10min;
  CHECK(t.state() == breaker_state::closed);
  CHECK(t.ask().allowed);
  t.b.force(breaker_state::open, t.now + 1min);
  t.b.force(breaker_state::open, t.now); // Lifted.
  CHECK(t.ask().allowed);
  CHECK_THROWS_AS(t.b.force(breaker_state::half_open, t.now), broken_invariant);
}

TEST_CASE("a reset forgets everything but its counters",
          "[runtime][overload]") {
  target t;
  t.warm_up();
  t.calls(25, failed);
  t.throttle(5min);
  t.b.force(breaker_state::open, t.now + 1h);
  t.b.reset(t.now);
  auto snapshot = t.b.snapshot(t.now);
  CHECK(snapshot.state == breaker_state::closed);
  CHECK(snapshot.cause == breaker_cause::none);
  CHECK(snapshot.openings == 0);
  CHECK_FALSE(snapshot.first_token_p95);
  CHECK_FALSE(snapshot.paused_until);
  CHECK_FALSE(snapshot.forced_until);
  CHECK(snapshot.transitions == std::array<uint64_t, 3>{1, 1, 0});

  // Also while closed: what is under way was another life's.
  auto hanging = t.ask().ticket;
  t.calls(9, failed);
  t.b.reset(t.now);
  t.report(hanging, failed);
  CHECK(t.b.snapshot(t.now).calls == 0);
}

TEST_CASE("a successor of a dead breaker probes first", "[runtime][overload]") {
  target t;
  t.b.resume(t.now);
  CHECK(t.state() == breaker_state::half_open);
  CHECK(t.b.snapshot(t.now).cause == breaker_cause::restarted);
  t.now += 1h; // Nobody called.
  CHECK(t.b.available_at(t.now) == t.now);
  t.calls(3, good);
  CHECK(t.state() == breaker_state::closed);
}

TEST_CASE("states and causes have their words", "[runtime][overload]") {
  CHECK(to_string(breaker_state::closed) == "closed");
  CHECK(to_string(breaker_state::open) == "open");
  CHECK(to_string(breaker_state::half_open) == "half_open");
  CHECK(to_string(breaker_cause::none) == "none");
  CHECK(to_string(breaker_cause::failures) == "failures");
  CHECK(to_string(breaker_cause::slow) == "slow");
  CHECK(to_string(breaker_cause::lost) == "lost");
  CHECK(to_string(breaker_cause::restarted) == "restarted");
  CHECK(to_string(breaker_cause::probing) == "probing");
  CHECK(to_string(breaker_cause::paused) == "paused");
  CHECK(to_string(breaker_cause::forced) == "forced");
}

} // namespace
