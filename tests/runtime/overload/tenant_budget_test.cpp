#include "runtime/overload/tenant_budget.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

constexpr mono_time origin{1h};
constexpr wall_time day{std::chrono::days{20'000}};
constexpr budget_limits two_a_second{.cost_per_minute = 120, .burst = 240};
constexpr auto nan = std::numeric_limits<double>::quiet_NaN();
constexpr auto inf = std::numeric_limits<double>::infinity();

job_id job(uint64_t n) {
  return {1, n};
}

TEST_CASE("a reservation takes its cost and the settlement corrects it",
          "[runtime][overload]") {
  tenant_budget budget{two_a_second, origin};
  CHECK(budget.reserve(job(1), 100, origin).fits);
  CHECK(budget.level(origin).remaining == 140);
  CHECK(budget.level(origin).reserved == 100);
  CHECK(budget.settle(job(1), 30, origin));
  CHECK(budget.level(origin).remaining == 210);
  CHECK(budget.level(origin).reserved == 0);
}

TEST_CASE("a reservation never overdraws, a settlement may",
          "[runtime][overload]") {
  tenant_budget budget{two_a_second, origin};
  CHECK(budget.reserve(job(1), 240, origin).fits);
  CHECK_FALSE(budget.reserve(job(2), 0.5, origin).fits);
  CHECK(budget.settle(job(1), 300, origin));
  CHECK(budget.level(origin).remaining == -60);
  CHECK_FALSE(budget.reserve(job(2), 0, origin).fits);
  CHECK(budget.level(origin + 30s).remaining == 0);
}

TEST_CASE("a refusal says what is missing and when it will be there",
          "[runtime][overload]") {
  tenant_budget budget{two_a_second, origin};
  REQUIRE(budget.reserve(job(1), 200, origin).fits);
  auto refused = budget.reserve(job(2), 100, origin);
  CHECK_FALSE(refused.fits);
  CHECK(refused.required == 100);
  CHECK(refused.remaining == 40);
  REQUIRE(refused.retry_after);
  CHECK(*refused.retry_after >= 30s);
  CHECK(*refused.retry_after <= 30s + 1us);
  CHECK_FALSE(budget.reserve(job(2), 100, origin + 30s - 10us).fits);
  CHECK(budget.reserve(job(2), 100, origin + *refused.retry_after).fits);
}

TEST_CASE("waiting does not help a job beyond the burst",
          "[runtime][overload]") {
  tenant_budget budget{two_a_second, origin};
  auto refused = budget.reserve(job(1), 240.1, origin);
  CHECK_FALSE(refused.fits);
  CHECK_FALSE(refused.retry_after);
}

TEST_CASE("checking takes nothing", "[runtime][overload]") {
  tenant_budget budget{two_a_second, origin};
  for (int i = 0; i < 100; ++i)
    CHECK(budget.check(240, origin).fits);
  CHECK(budget.live_jobs() == 0);
  CHECK(budget.level(origin).remaining == 240);
}

TEST_CASE("the same job reserves once and settles once",
          "[runtime][overload]") {
  tenant_budget budget{two_a_second, origin};
  CHECK(budget.reserve(job(1), 200, origin).fits);
  auto again = budget.reserve(job(1), 200, origin);
  CHECK(again.fits); // A repeated message is no second job.
  CHECK_FALSE(again.retry_after);
  CHECK(budget.level(origin).remaining == 40);
  CHECK(budget.settle(job(1), 50, origin));
  CHECK_FALSE(budget.settle(job(1), 50, origin));
  CHECK_FALSE(budget.release(job(1), origin));
  CHECK_FALSE(budget.settle(job(9), 1, origin));
  CHECK(budget.strays() == 3);
  CHECK(budget.level(origin).remaining == 190);
}

TEST_CASE("a job that never started is free", "[runtime][overload]") {
  tenant_budget budget{two_a_second, origin};
  REQUIRE(budget.reserve(job(1), 240, origin).fits);
  CHECK(budget.release(job(1), origin));
  CHECK(budget.level(origin).remaining == 240);
}

TEST_CASE("a refund does not lift the level above the burst",
          "[runtime][overload]") {
  tenant_budget budget{two_a_second, origin};
  REQUIRE(budget.reserve(job(1), 200, origin).fits);
  CHECK(budget.level(origin + 1h).remaining == 240);
  CHECK(budget.release(job(1), origin + 1h));
  CHECK(budget.level(origin + 1h).remaining == 240);
}

TEST_CASE("a tenant without a limit is never refused and lends nothing",
          "[runtime][overload]") {
  tenant_budget budget{{}, origin};
  for (uint64_t i = 0; i < 1000; ++i)
    CHECK(budget.reserve(job(i), inf, origin).fits);
  auto level = budget.level(origin);
  CHECK_FALSE(level.limited);
  CHECK(level.reserved == 1000 * tenant_budget::cost_max);
  CHECK_FALSE(budget.take_slice(10, origin));
  for (uint64_t i = 0; i < 1000; ++i)
    CHECK(budget.settle(job(i), 1e300, origin));
  CHECK(budget.level(origin).reserved == 0);
}

TEST_CASE("absurd costs neither pass for free nor do damage",
          "[runtime][overload]") {
  tenant_budget budget{two_a_second, origin};
  for (auto cost : {nan, inf, 1e300, 240.000001}) {
    CAPTURE(cost);
    auto refused = budget.reserve(job(1), cost, origin);
    CHECK_FALSE(refused.fits);
    CHECK(std::isfinite(refused.required));
  }
  for (auto cost : {-1.0, -inf, 0.0, -0.0}) {
    CHECK(budget.reserve(job(2), cost, origin).fits);
    CHECK(budget.level(origin).remaining == 240);
    CHECK(budget.release(job(2), origin));
  }
  // A broken measurement costs what was reserved.
  for (auto real : {nan, inf, -inf, -5.0}) {
    CAPTURE(real);
    tenant_budget other{two_a_second, origin};
    REQUIRE(other.reserve(job(3), 10, origin).fits);
    CHECK(other.settle(job(3), real, origin));
    CHECK(other.level(origin).remaining == 230);
  }
  REQUIRE(budget.reserve(job(4), 1, origin).fits);
  CHECK(budget.settle(job(4), 1e300, origin));
  CHECK(budget.level(origin).remaining == 239 + 1 - tenant_budget::cost_max);
}

TEST_CASE("debt has an end however often absurd costs are settled",
          "[runtime][overload]") {
  tenant_budget budget{{.cost_per_minute = 1e9, .burst = 1e9}, origin};
  for (uint64_t i = 0; i < 5000; ++i)
    budget.adopt(job(i), 0);
  for (uint64_t i = 0; i < 5000; ++i)
    REQUIRE(budget.settle(job(i), 1e6, origin));
  CHECK(budget.level(origin).remaining == -1e9);
  CHECK(budget.level(origin + 3min).remaining == 1e9);
}

TEST_CASE("a budget survives a restart without a new burst",
          "[runtime][overload]") {
  tenant_budget before{two_a_second, origin};
  REQUIRE(before.reserve(job(1), 200, origin).fits);
  auto slice = before.take_slice(2, origin);
  REQUIRE(slice);
  auto record = before.record(origin, day);

  // Another process: its monotonic clock says anything.
  tenant_budget after{two_a_second, record, mono_time{5s}, day + 10s};
  after.adopt(job(1), 200);
  after.adopt(job(1), 200);
  auto level = after.level(mono_time{5s});
  CHECK(level.remaining == 38 + 20);
  CHECK(level.reserved == 200);
  CHECK(level.lent == 2);
  CHECK(after.settle(job(1), 150, mono_time{5s}));
  CHECK(after.level(mono_time{5s}).remaining == 108);
  CHECK(after.return_slice(slice->id, slice->micro_cost, mono_time{5s}));
  CHECK(after.level(mono_time{5s}).remaining == 110);
  CHECK(after.take_slice(1, mono_time{5s})->id > slice->id);
}

TEST_CASE("a wall clock that went back gives nothing, nor does its return",
          "[runtime][overload]") {
  tenant_budget budget{two_a_second, origin};
  REQUIRE(budget.reserve(job(1), 240, origin).fits);
  auto record = budget.record(origin, day);
  CHECK(record.level_micro_cost == 0);
  // Down, and up an hour earlier.
  tenant_budget second{two_a_second, record, origin, day - 1h};
  CHECK(second.level(origin).remaining == 0);
  record = second.record(origin, day - 1h);
  // Down again; the clock is right by now.
  tenant_budget third{two_a_second, record, origin, day + 1s};
  CHECK(third.level(origin).remaining == 2);
  // A clock far ahead gives one burst at most.
  tenant_budget fourth{two_a_second, record, origin, day + 24h * 36'500};
  CHECK(fourth.level(origin).remaining == 240);
}

TEST_CASE("a clock that stands or goes back refills nothing",
          "[runtime][overload]") {
  tenant_budget budget{two_a_second, origin};
  REQUIRE(budget.reserve(job(1), 240, origin).fits);
  for (int i = 0; i < 100; ++i) {
    CHECK(budget.level(origin).remaining == 0);
    CHECK(budget.level(origin - 30min).remaining == 0);
  }
  CHECK(budget.level(origin + 1s).remaining == 2);
}

TEST_CASE("asking often does not lose what comes in slowly",
          "[runtime][overload]") {
  // A 6000th of a micro cost per microsecond.
  tenant_budget budget{{.cost_per_minute = 0.01, .burst = 1}, origin};
  REQUIRE(budget.reserve(job(1), 1, origin).fits);
  auto now = origin;
  for (int i = 0; i < 60'000; ++i)
    budget.level(now += 1ms);
  CHECK(std::abs(budget.level(now).remaining - 0.01) <= 2e-6);
}

TEST_CASE("changed limits never give a burst to a tenant that had a limit",
          "[runtime][overload]") {
  tenant_budget budget{two_a_second, origin};
  REQUIRE(budget.reserve(job(1), 200, origin).fits);
  budget.set_limits({.cost_per_minute = 60, .burst = 1000}, origin);
  CHECK(budget.level(origin).remaining == 40);
  CHECK(budget.level(origin + 1s).remaining == 41);
  budget.set_limits({.cost_per_minute = 60, .burst = 10}, origin + 1s);
  CHECK(budget.level(origin + 1s).remaining == 10);

  budget.set_limits({}, origin + 1s);
  REQUIRE(budget.reserve(job(2), 500, origin + 1s).fits);
  budget.set_limits(two_a_second, origin + 1s);
  CHECK(budget.level(origin + 1s).remaining == 240);
  // What was reserved without a limit was not taken and is not given back.
  REQUIRE(budget.reserve(job(3), 240, origin + 1s).fits);
  CHECK(budget.release(job(2), origin + 1s));
  CHECK(budget.level(origin + 1s).remaining == 0);
}

TEST_CASE("a slice is at most a sixteenth and returns once",
          "[runtime][overload]") {
  tenant_budget home{two_a_second, origin};
  auto small = home.take_slice(10, origin);
  REQUIRE(small);
  CHECK(small->micro_cost == 10'000'000);
  auto large = home.take_slice(1000, origin);
  REQUIRE(large);
  CHECK(large->micro_cost == 230'000'000 / 16);
  CHECK_FALSE(home.take_slice(0, origin));
  CHECK_FALSE(home.take_slice(-1, origin));
  CHECK(home.return_slice(small->id, 4'000'000, origin));
  CHECK_FALSE(home.return_slice(small->id, 4'000'000, origin));
  CHECK_FALSE(home.return_slice(99, 1, origin));
  CHECK(home.strays() == 2);
  // A holder cannot return more than it was lent, but less than nothing.
  auto before = home.level(origin).remaining;
  CHECK(home.return_slice(large->id, INT64_MAX, origin));
  CHECK(home.level(origin).remaining == before + 14.375);
  auto owed = home.take_slice(1, origin);
  before = home.level(origin).remaining;
  CHECK(home.return_slice(owed->id, -3'000'000, origin));
  CHECK(home.level(origin).remaining == before - 3);
}

TEST_CASE("slices are bounded in number", "[runtime][overload]") {
  tenant_budget home{{.cost_per_minute = 1, .burst = 1e9}, origin};
  for (size_t i = 0; i < tenant_budget::slices_max; ++i)
    REQUIRE(home.take_slice(1, origin));
  CHECK_FALSE(home.take_slice(1, origin));
}

TEST_CASE("a holder spends its slice and gets nothing from time",
          "[runtime][overload]") {
  auto holder = tenant_budget::of_slice({1, 10'000'000}, origin);
  CHECK(holder.reserve(job(1), 8, origin).fits);
  auto refused = holder.reserve(job(2), 3, origin + 1h);
  CHECK_FALSE(refused.fits);
  CHECK_FALSE(refused.retry_after); // Its home may know.
  CHECK(holder.settle(job(1), 12, origin + 1h));
  CHECK(holder.level_micro_cost(origin + 1h) == -2'000'000);
}

} // namespace
