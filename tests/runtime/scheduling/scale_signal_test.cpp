#include "runtime/scheduling/scale_signal.hpp"

#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <limits>

namespace troupe::runtime {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

TEST_CASE("desired workers follow arrivals and backlog", "[allocator]") {
  scale_limits limits;
  CHECK(scale_desired_workers({}, limits) == 0);
  CHECK(scale_desired_workers({.arriving_work_per_s = 3}, limits) == 4);
  CHECK(scale_desired_workers({.backlog_work_s = 60}, limits) == 1);
  CHECK(scale_desired_workers({.backlog_work_s = 61}, limits) == 2);
  CHECK(scale_desired_workers({3, 120, 2}, limits) == 3);
}

TEST_CASE("desired workers of absurd numbers stay in range", "[allocator]") {
  scale_limits limits;
  CHECK(scale_desired_workers({nan, -5, 1}, limits) == 0);
  CHECK(scale_desired_workers({0, 0, 0}, limits) == 0);
  for (double speed : {0.0, -1.0, nan, 1e-300})
    CHECK(scale_desired_workers({1, 0, speed}, limits) == limits.workers_max);
  CHECK(scale_desired_workers({inf, inf, 1}, limits) == limits.workers_max);
  CHECK(scale_desired_workers({inf, inf, inf}, limits) == limits.workers_max);
  CHECK(scale_desired_workers({1, 0, 1}, {.target_utilization = 0})
        == limits.workers_max);
}

TEST_CASE("the workers desired suffice, and one fewer would not",
          "[allocator]") {
  seeded_rng random{11};
  scale_limits limits;
  for (int round = 0; round < 10'000; ++round) {
    scale_inputs load{random.unit() * 50, random.unit() * 5000,
                      0.1 + random.unit() * 8};
    double needed = load.arriving_work_per_s / limits.target_utilization
                    + load.backlog_work_s / limits.drain_target_s;
    auto workers = scale_desired_workers(load, limits);
    REQUIRE(workers * load.worker_speed >= needed * (1 - 1e-12));
    REQUIRE((workers - 1.0) * load.worker_speed < needed);
  }
}

} // namespace
} // namespace troupe::runtime
