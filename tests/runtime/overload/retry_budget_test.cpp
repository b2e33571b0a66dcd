#include "runtime/overload/retry_budget.hpp"

#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <vector>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

constexpr mono_time origin{1h};

size_t within_minute(const std::vector<mono_time>& times, mono_time end) {
  auto first = std::upper_bound(times.begin(), times.end(), end - 60s);
  auto last = std::upper_bound(times.begin(), times.end(), end);
  return static_cast<size_t>(last - first);
}

TEST_CASE("three retries a minute are free", "[runtime][overload]") {
  retry_budget budget;
  CHECK(budget.left(origin) == 3);
  for (int i = 0; i < 3; ++i)
    CHECK(budget.ask(origin) == origin);
  CHECK(budget.left(origin) == 0);
  auto again = budget.ask(origin + 1s);
  CHECK(again > origin + 60s);
  CHECK(again <= origin + 61s);
  CHECK(budget.ask(again) == again);
}

TEST_CASE("a tenth of the first attempts may retry", "[runtime][overload]") {
  retry_budget budget;
  for (int i = 0; i < 1009; ++i)
    budget.first_attempt(origin);
  CHECK(budget.left(origin) == 100);
  for (int i = 0; i < 100; ++i)
    REQUIRE(budget.ask(origin + 1s) == origin + 1s);
  CHECK(budget.ask(origin + 1s) > origin + 1s);
}

TEST_CASE("first attempts more than a minute old count no longer",
          "[runtime][overload]") {
  retry_budget budget;
  for (int i = 0; i < 1000; ++i)
    budget.first_attempt(origin);
  CHECK(budget.left(origin + 59s) == 100);
  CHECK(budget.left(origin + 60s) == 3);
  CHECK(budget.left(origin + 1000h) == 3);
}

TEST_CASE("a clock that stands or goes back gives nothing away",
          "[runtime][overload]") {
  retry_budget budget;
  for (int i = 0; i < 3; ++i)
    CHECK(budget.ask(origin) == origin);
  for (int i = 0; i < 100; ++i) {
    CHECK(budget.ask(origin) > origin);
    CHECK(budget.ask(origin - 30min) > origin);
  }
  CHECK(budget.left(origin - 30min) == 0);
}

TEST_CASE("a share of nothing leaves the minimum", "[runtime][overload]") {
  retry_budget budget{{.share = 0, .retries_min = 1}};
  for (int i = 0; i < 1000; ++i)
    budget.first_attempt(origin);
  CHECK(budget.left(origin) == 1);
}

TEST_CASE("no minute holds more retries than its budget, and none waits long",
          "[runtime][overload]") {
  size_t granted = 0;
  size_t refused = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    seeded_rng random{seed};
    retry_budget budget;
    std::vector<mono_time> firsts;
    std::vector<mono_time> retries;
    auto now = origin;
    auto gap_us = 1 + random.below(200'000);
    for (int i = 0; i < 3000; ++i) {
      now += duration{static_cast<int64_t>(random.below(gap_us))};
      if (random.below(2000) == 0)
        now += 50s;
      if (random.below(4) > 0) {
        budget.first_attempt(now);
        firsts.push_back(now);
        continue;
      }
      auto left = budget.left(now);
      auto at = budget.ask(now);
      REQUIRE((at == now) == (left > 0));
      if (at == now) {
        retries.push_back(now);
        ++granted;
        // The fullest minutes are those that end with a retry.
        REQUIRE(within_minute(retries, now)
                <= std::max<size_t>(3, within_minute(firsts, now) / 10));
      } else {
        ++refused;
        REQUIRE(at > now);
        REQUIRE(at <= now + 61s);
      }
    }
  }
  CHECK(granted > 2000);
  CHECK(refused > 10'000);
}

TEST_CASE("who waits until the time given is granted when nobody else asks",
          "[runtime][overload]") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    seeded_rng random{seed};
    retry_budget budget;
    auto now = origin;
    for (int i = 0; i < 500; ++i) {
      now += duration{static_cast<int64_t>(random.below(300'000))};
      if (random.below(3) > 0)
        budget.first_attempt(now);
      else
        budget.ask(now);
    }
    auto at = budget.ask(now);
    if (at > now) {
      REQUIRE(budget.left(at - 1us) == 0);
      REQUIRE(budget.ask(at) == at);
    }
  }
}

} // namespace
