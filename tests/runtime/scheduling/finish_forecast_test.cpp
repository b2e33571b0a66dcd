#include "runtime/rng.hpp"
#include "runtime/scheduling/finish_forecast.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>

using namespace troupe::runtime;
using namespace std::chrono_literals;
using Catch::Approx;

namespace {

constexpr wall_time t0{1h};

} // namespace

TEST_CASE("the rest follows from the rate and the prediction",
          "[runtime][finish_forecast]") {
  finish_forecast f;
  f.begin(100, 0);
  CHECK_FALSE(f.made(1, t0));
  CHECK_FALSE(f.made(20, t0 + 499ms)); // Too soon.
  auto rest = f.made(21, t0 + 1s);     // 20 tokens a second, 79 to go.
  REQUIRE(rest);
  CHECK(rest->seconds == Approx(79.0 / 20));
  CHECK(rest->tokens == 79);
  CHECK_FALSE(f.made(25, t0 + 1400ms)); // Half a second between two answers.
  CHECK(f.made(31, t0 + 1500ms));
}

TEST_CASE(
  "beyond the prediction half as much again is to come, up to the limit",
  "[runtime][finish_forecast]") {
  finish_forecast f;
  f.begin(10, 120);
  f.made(0, t0);
  auto rest = f.made(100, t0 + 10s); // 10 a second.
  REQUIRE(rest);
  CHECK(rest->seconds == Approx(2.0)); // 120, not 150.
  f.begin(0, 0);
  f.made(0, t0);
  rest = f.made(100, t0 + 10s);
  REQUIRE(rest);
  CHECK(rest->seconds == Approx(5.0));
}

TEST_CASE("too few tokens say nothing", "[runtime][finish_forecast]") {
  finish_forecast f;
  f.begin(100, 0);
  f.made(5, t0);
  CHECK_FALSE(f.made(8, t0 + 10s));
  CHECK(f.made(9, t0 + 10s));
}

TEST_CASE("a forecast is never negative, infinite or too frequent",
          "[runtime][finish_forecast][property]") {
  seeded_rng r{11};
  for (int round = 0; round < 300; ++round) {
    finish_forecast f;
    auto most = static_cast<uint32_t>(r.below(2) ? r.below(500) : 0);
    f.begin(static_cast<uint32_t>(r.below(300)), most);
    auto now = t0;
    auto answered = t0 - 1s;
    uint32_t produced = 0;
    for (int step = 0; step < 100; ++step) {
      now += duration{static_cast<int64_t>(r.below(300'000))};
      produced += static_cast<uint32_t>(r.below(20));
      auto rest = f.made(produced, now);
      if (!rest)
        continue;
      REQUIRE(std::isfinite(rest->seconds));
      REQUIRE(rest->seconds >= 0);
      REQUIRE(rest->tokens >= 0);
      REQUIRE(rest->tokens < 1e9);
      REQUIRE(now - answered >= finish_forecast::interval);
      answered = now;
    }
  }
}
