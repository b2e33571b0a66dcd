#include "runtime/scheduling/demand_meter.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>

namespace troupe::runtime {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr mono_time origin{1h};

TEST_CASE("steady arrivals ask for their workers", "[scheduling][scale]") {
  demand_meter meter{{}};
  model_demand d;
  meter.measure(origin, {});
  for (int i = 1; i <= 300; ++i) {
    meter.arrived(6);
    d = meter.measure(origin + i * 1s, {.slots = 8, .workers = 2});
  }
  CHECK(std::abs(d.arriving_per_s - 6) < 0.01);
  CHECK(d.worker_speed == 4);
  // 6 / 0.75 / 4.
  CHECK(d.desired_workers == 2);
  CHECK(meter.changing());
}

TEST_CASE("a backlog asks for more, and silence for none in the end",
          "[scheduling][scale]") {
  demand_meter meter{{}};
  meter.measure(origin, {});
  auto d = meter.measure(
    origin + 1s, {.due_s = 590, .running_s = 10, .slots = 1, .workers = 1});
  CHECK(d.work_s == 600);
  CHECK(d.desired_workers == 10);
  meter.arrived(100);
  d = meter.measure(origin + 2s, {.slots = 1, .workers = 1});
  CHECK(d.arriving_per_s > 0);
  int i = 3;
  for (; meter.changing() && i < 1000; ++i)
    d = meter.measure(origin + i * 1s, {.slots = 1, .workers = 1});
  CHECK(i < 500);
  CHECK(d.desired_workers == 0);
}

TEST_CASE("the rate does not depend on how often it is measured",
          "[scheduling][scale]") {
  demand_meter often{{}}, seldom{{}};
  model_demand a, b;
  often.measure(origin, {});
  seldom.measure(origin, {});
  for (int i = 1; i <= 600; ++i) {
    often.arrived(0.2);
    seldom.arrived(0.2);
    a = often.measure(origin + i * 100ms, {});
    if (i % 10 == 0)
      b = seldom.measure(origin + i * 100ms, {});
  }
  CHECK(std::abs(a.arriving_per_s - b.arriving_per_s) < 0.02);
  CHECK(std::abs(a.arriving_per_s - 2 * (1 - std::exp(-2))) < 0.05);
}

TEST_CASE("numbers that are none count as nothing", "[scheduling][scale]") {
  constexpr auto nan = std::numeric_limits<double>::quiet_NaN();
  constexpr auto inf = std::numeric_limits<double>::infinity();
  demand_meter meter{{}};
  for (auto x : {nan, inf, -inf, -1.0})
    meter.arrived(x);
  auto d = meter.measure(origin, {.due_s = nan, .running_s = -3});
  CHECK(d.work_s == 0);
  CHECK(d.desired_workers == 0);
  CHECK_FALSE(meter.changing());
}

TEST_CASE("a model is loaded a second after its due work passes the limit",
          "[scheduling][intent]") {
  demand_meter meter{{.accurate_high_s = 10}};
  demand_inputs busy{.due_s = 50, .slots = 4, .workers = 1};
  CHECK_FALSE(meter.measure(origin, busy).loaded);
  CHECK(meter.measure(origin + 1s, busy).loaded);
  demand_inputs calm{.due_s = 4, .slots = 4, .workers = 1};
  CHECK(meter.measure(origin + 2s, calm).loaded);
  CHECK(meter.measure(origin + 11s, calm).loaded);
  CHECK_FALSE(meter.measure(origin + 12s, calm).loaded);
}

} // namespace
} // namespace troupe::runtime
