#include "runtime/clock.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace std::chrono_literals;
using troupe::runtime::manual_clock;
using troupe::runtime::system_clock;
using troupe::runtime::to_us;
using troupe::runtime::wall_from_us;

TEST_CASE("a manual clock moves only when told", "[runtime][clock]") {
  manual_clock clock;
  auto mono = clock.mono();
  auto wall = clock.wall();
  CHECK(clock.mono() == mono);
  CHECK(to_us(wall) == 1'767'225'600'000'000);

  clock.advance(1500us);
  CHECK(clock.mono() - mono == 1500us);
  CHECK(clock.wall() - wall == 1500us);
}

TEST_CASE("skew of the wall clock leaves the monotonic clock alone",
          "[runtime][clock]") {
  manual_clock clock;
  auto mono = clock.mono();
  auto wall = clock.wall();
  clock.skew_wall(-1h);
  CHECK(clock.wall() == wall - 1h);
  CHECK(clock.mono() == mono);
}

TEST_CASE("the machine's monotonic clock never goes back", "[runtime][clock]") {
  const auto& clock = system_clock();
  auto last = clock.mono();
  for (int i = 0; i < 10'000; ++i) {
    auto now = clock.mono();
    REQUIRE(now >= last);
    last = now;
  }
  // Later than the day on which this was written: the unit is microseconds.
  CHECK(to_us(clock.wall()) > 1'735'689'600'000'000);
  CHECK(to_us(clock.wall()) < 4'102'444'800'000'000);
}

TEST_CASE("wall times survive the way through microseconds",
          "[runtime][clock]") {
  for (int64_t us : {int64_t{0}, int64_t{1}, int64_t{-1}, INT64_MAX, INT64_MIN})
    CHECK(to_us(wall_from_us(us)) == us);
}
