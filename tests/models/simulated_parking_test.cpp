// The simulated engine's attempts leave their slots and return.
#include "tests/support/simulated_stage.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace troupe;
using std::chrono::milliseconds;
using std::chrono::seconds;
using tests::constant;
using tests::make_attempt;
using tests::scripted;
using stage = tests::simulated_stage;

TEST_CASE("a parked attempt leaves its slot and goes on where it stopped",
          "[models][simulated][preemption]") {
  auto config = constant(2.0, 20);
  config.slots = 1;
  stage s{config};
  auto alone = make_attempt(1);
  s.engine.admit(alone);
  s.driver.run_for(seconds{3});
  auto whole = s.story(alone).text;

  auto long_one = make_attempt(1, 2);
  auto brief = scripted(2, {.service_s = 0.5, .tokens = 5});
  auto began_at = s.driver.now;
  s.engine.admit(long_one);
  s.driver.run_for(milliseconds{730});
  s.engine.park(long_one.id, true);
  s.driver.poll();
  CHECK(s.story(long_one).parks == 1);
  CHECK(s.story(long_one).tokens == 7);
  s.engine.park(long_one.id, true); // It has no slot: ignored.
  s.engine.admit(brief);
  s.driver.run_for(milliseconds{500});
  REQUIRE(s.story(brief).finished);
  CHECK(s.story(long_one).tokens == 7); // Silent without a slot.
  s.engine.resume(long_one.id);
  s.driver.run_for(seconds{5});
  auto& a = s.story(long_one);
  REQUIRE(a.finished);
  CHECK(a.parks == 1);
  CHECK(a.ended_at == began_at + milliseconds{2500});
  CHECK(a.finished->output_tokens == 20);
  CHECK(a.text == whole);
}

TEST_CASE(
  "a parked attempt that finds no slot ends, and a cancelled one is gone",
  "[models][simulated][preemption]") {
  auto config = constant(2.0, 20);
  config.slots = 1;
  stage s{config};
  auto first = make_attempt(1);
  auto second = make_attempt(2);
  s.engine.admit(first);
  s.driver.run_for(milliseconds{100});
  s.engine.park(first.id, false);
  s.driver.poll();
  s.engine.admit(second);
  s.driver.poll();
  SECTION("no slot") {
    s.engine.resume(first.id);
    s.driver.poll();
    REQUIRE(s.story(first).failed);
    CHECK(s.story(first).failed->transient);
    CHECK(s.story(first).failed->why.code == runtime::errc::queue_full);
  }
  SECTION("cancelled") {
    s.engine.cancel(first.id);
    s.driver.run_for(seconds{3});
    s.engine.resume(first.id);
    s.driver.run_for(seconds{3});
    CHECK_FALSE(s.story(first).ended());
  }
  s.driver.run_for(seconds{3});
  CHECK(s.story(second).finished);
}
