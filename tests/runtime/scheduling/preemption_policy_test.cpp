#include "runtime/scheduling/preemption_policy.hpp"

#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <limits>
#include <vector>

namespace troupe::runtime {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""us;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
const preemption_limits limits;

park_candidate long_one(int64_t key) {
  return {.key = key,
          .held = 50ms,
          .done_s = 79,
          .predicted_s = 100,
          .can_park = true};
}

TEST_CASE("the largest key that is worth the switch is parked",
          "[preemption]") {
  std::vector<park_candidate> running{long_one(2000), long_one(5000),
                                      long_one(5000), long_one(3000)};
  CHECK(choose_victim(1000, 100us, running, limits) == preemption{1, true});
  CHECK(choose_victim(4899, 100us, running, limits) == preemption{1, true});
  CHECK_FALSE(choose_victim(4900, 100us, running, limits));
  running[1].parked_beside = 4; // No room for its cache.
  CHECK(choose_victim(1000, 100us, running, limits) == preemption{1, false});
  CHECK_FALSE(choose_victim(1000, 100us, {}, limits));
}

TEST_CASE("who may not be parked", "[preemption]") {
  std::vector<park_candidate> running{long_one(5000)};
  auto limits_used = limits;
  SECTION("one that cannot") {
    running[0].can_park = false;
  }
  SECTION("one that just began") {
    running[0].held = 50ms - 1us;
  }
  SECTION("one that is nearly done") {
    running[0].done_s = 80;
  }
  SECTION("one that should have been done by now") {
    running[0].done_s = 200;
  }
  SECTION("one of unknown length") {
    running[0].predicted_s = 0;
  }
  SECTION("one of no length") {
    running[0].predicted_s = nan;
  }
  SECTION("anyone while it is off") {
    limits_used.enabled = false;
  }
  CHECK_FALSE(choose_victim(0, 0us, running, limits_used));
}

TEST_CASE("keys and costs at the ends of their range", "[preemption]") {
  std::vector<park_candidate> running{long_one(INT64_MAX)};
  CHECK_FALSE(choose_victim(INT64_MAX, 0us, running, limits));
  CHECK_FALSE(choose_victim(INT64_MAX - 1, 2us, running, limits));
  CHECK_FALSE(choose_victim(1, duration::max(), running, limits));
  CHECK(choose_victim(INT64_MIN, duration::min(), running, limits));
  running[0].key = INT64_MIN;
  CHECK_FALSE(choose_victim(INT64_MIN, duration::min(), running, limits));
}

TEST_CASE("a victim's key always exceeds the head's by more than the cost",
          "[preemption]") {
  seeded_rng random{5};
  int chosen = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<park_candidate> running(random.below(6));
    for (auto& x : running)
      x = {.key = int64_t(random.below(1000)),
           .held = duration{int64_t(random.below(100'000))},
           .done_s = random.unit() * 200,
           .predicted_s = random.below(9) ? random.unit() * 300 : nan,
           .can_park = random.below(4) != 0};
    auto head = int64_t(random.below(1000));
    duration cost{int64_t(random.below(300))};
    auto victim = choose_victim(head, cost, running, limits);
    auto better = [&](const park_candidate& x) {
      return x.can_park && x.key > head + cost.count() && x.held >= 50ms
             && (x.done_s < 0.8 * x.predicted_s || x.done_s > 2 * x.predicted_s)
             && (!victim || x.key > running[victim->victim].key);
    };
    REQUIRE(std::none_of(running.begin(), running.end(), better));
    if (!victim)
      continue;
    ++chosen;
    auto parked = running[victim->victim];
    REQUIRE(parked.key > head + cost.count());
    // No ping-pong: once the head runs, the parked one cannot displace it.
    auto now_runs = long_one(head);
    REQUIRE_FALSE(choose_victim(parked.key, cost, {&now_runs, 1}, limits));
  }
  CHECK(chosen > 1000);
}

} // namespace
} // namespace troupe::runtime
