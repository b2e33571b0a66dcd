#include "models/engine_watchdog.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace troupe;
using models::engine_verdict;
using models::engine_watchdog;
using std::chrono::seconds;

namespace {

const runtime::mono_time t0{std::chrono::hours{1}};

/// Looks every second, as an owner does, and gives the first bad verdict.
engine_verdict first_verdict(engine_watchdog& dog, runtime::mono_time& now,
                             seconds span, auto each_second) {
  for (auto end = now + span; now < end;) {
    now += seconds{1};
    each_second(now);
    dog.observe(now);
    if (dog.check(now) != engine_verdict::healthy)
      return dog.check(now);
  }
  return engine_verdict::healthy;
}

} // namespace

TEST_CASE("a watchdog says nothing before the start", "[models][watchdog]") {
  engine_watchdog dog;
  CHECK(dog.check(t0 + std::chrono::hours{5}) == engine_verdict::healthy);
  CHECK(dog.next_check() == runtime::mono_time::max());
}

TEST_CASE("ten silent seconds are too many", "[models][watchdog]") {
  engine_watchdog dog;
  dog.started(t0);
  auto now = t0;
  CHECK(first_verdict(dog, now, seconds{60}, [](auto) {})
        == engine_verdict::no_heartbeat);
  CHECK(now == t0 + seconds{10});
}

TEST_CASE("heartbeats without a step are a hang only with a busy slot",
          "[models][watchdog]") {
  engine_watchdog dog;
  dog.started(t0);
  dog.ready(t0);
  auto now = t0;
  auto beat = [&](auto at) { dog.beat(7, at); };
  CHECK(first_verdict(dog, now, seconds{300}, beat) == engine_verdict::healthy);
  dog.occupied(1, now);
  auto occupied_at = now;
  CHECK(first_verdict(dog, now, seconds{300}, beat) == engine_verdict::hung);
  CHECK(now == occupied_at + seconds{30});
}

TEST_CASE("steps and output keep a busy engine healthy", "[models][watchdog]") {
  engine_watchdog dog;
  dog.started(t0);
  dog.ready(t0);
  dog.occupied(3, t0);
  auto now = t0;
  uint64_t steps = 0;
  CHECK(first_verdict(dog, now, seconds{300},
                      [&](auto at) { dog.beat(++steps, at); })
        == engine_verdict::healthy);
  CHECK(
    first_verdict(dog, now, seconds{300}, [&](auto at) { dog.progress(at); })
    == engine_verdict::healthy);
}

TEST_CASE("loading has its own limit and a hang does not count meanwhile",
          "[models][watchdog]") {
  engine_watchdog dog{{.load_max = seconds{100}}};
  dog.started(t0);
  dog.occupied(1, t0);
  auto now = t0;
  auto beat = [&](auto at) { dog.beat(0, at); };
  CHECK(first_verdict(dog, now, seconds{99}, beat) == engine_verdict::healthy);
  CHECK(first_verdict(dog, now, seconds{10}, beat)
        == engine_verdict::load_stuck);
  CHECK(now == t0 + seconds{100});
}

TEST_CASE("an observer that stood still does not blame the engine",
          "[models][watchdog]") {
  engine_watchdog dog;
  dog.started(t0);
  dog.ready(t0);
  dog.occupied(1, t0);
  auto now = t0 + seconds{3600};
  dog.observe(now);
  CHECK(dog.check(now) == engine_verdict::healthy);
  // From here on the limits count as usual.
  auto resumed_at = now;
  CHECK(first_verdict(dog, now, seconds{60}, [](auto) {})
        == engine_verdict::no_heartbeat);
  CHECK(now <= resumed_at + seconds{10});
  CHECK(now >= resumed_at + seconds{9});
}

TEST_CASE("an owner that looks only when told to finds a silent engine",
          "[models][watchdog]") {
  engine_watchdog dog;
  dog.started(t0);
  auto now = t0;
  int looks = 0;
  while (dog.check(now) == engine_verdict::healthy) {
    REQUIRE(++looks < 20);
    REQUIRE(dog.next_check() > now);
    now = dog.next_check();
    dog.observe(now);
  }
  CHECK(now == t0 + seconds{10});
}

TEST_CASE("verdicts are described with their limits", "[models][watchdog]") {
  models::watchdog_config config{.heartbeat_timeout = seconds{10},
                                 .hang_max = std::chrono::milliseconds{1500}};
  CHECK(describe(engine_verdict::no_heartbeat, config)
        == "no heartbeat for 10 s");
  CHECK(describe(engine_verdict::hung, config)
        == "no step for 1.5 s with a busy slot");
  CHECK(describe(engine_verdict::load_stuck, config)
        == "not loaded after 600 s");
}
