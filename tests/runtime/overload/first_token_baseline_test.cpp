#include "runtime/overload/first_token_baseline.hpp"

#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <vector>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

constexpr mono_time origin{1h};

/// Teaches `n` times of `t`, ten a second, and returns the time after.
mono_time teach(first_token_baseline& baseline, duration t, int n,
                mono_time now = origin) {
  for (int i = 0; i < n; ++i)
    baseline.learn(t, now += 100ms);
  return now;
}

TEST_CASE("there is no usual time before enough was learnt",
          "[runtime][overload]") {
  first_token_baseline baseline;
  teach(baseline, 200ms, 500);
  CHECK_FALSE(baseline.p95()); // The first minute still settles.
  CHECK_FALSE(baseline.is_slow(24h));
  baseline.learn(200ms, origin + 2min);
  REQUIRE(baseline.p95());
  CHECK(baseline.is_slow(24h));
}

TEST_CASE("too few calls make no baseline, however long they take to come",
          "[runtime][overload]") {
  first_token_baseline baseline;
  auto now = origin;
  for (int i = 0; i < 20; ++i)
    baseline.learn(200ms, now += 5min);
  CHECK_FALSE(baseline.p95());
  for (int i = 0; i < 5; ++i)
    baseline.learn(200ms, now += 5min);
  CHECK(baseline.p95());
}

TEST_CASE("the p95 is never below the truth and at most a fifth above",
          "[runtime][overload]") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    seeded_rng random{seed};
    first_token_baseline baseline;
    std::vector<duration> all;
    auto now = origin;
    for (int i = 0; i < 2000; ++i) {
      auto t = duration{
        static_cast<int64_t>(2000 + 200'000 * random.unit() * random.unit())};
      all.push_back(t);
      baseline.learn(t, now += 1ms);
    }
    baseline.learn(1ms, now + 1min); // Settles the 2000.
    auto rank = all.begin() + 1899;
    std::nth_element(all.begin(), rank, all.end());
    REQUIRE(baseline.p95());
    CHECK(*baseline.p95() >= *rank);
    CHECK(*baseline.p95() <= *rank * 120 / 100);
  }
}

TEST_CASE("slow is more than three times the p95 and more than a floor",
          "[runtime][overload]") {
  first_token_baseline usual;
  teach(usual, 200ms, 1200);
  auto limit = *usual.p95() * 3;
  CHECK_FALSE(usual.is_slow(limit));
  CHECK(usual.is_slow(limit + 1us));

  first_token_baseline quick;
  teach(quick, 1ms, 1200);
  CHECK_FALSE(quick.is_slow(100ms));
  CHECK(quick.is_slow(100ms + 1us));
}

TEST_CASE("slow times never move the baseline", "[runtime][overload]") {
  first_token_baseline baseline;
  auto now = teach(baseline, 200ms, 1200);
  auto before = baseline.p95();
  now = teach(baseline, 2s, 100'000, now); // Almost three hours of them.
  CHECK(baseline.p95() == before);
  // Nor do they age it.
  CHECK(baseline.is_slow(2s));
}

TEST_CASE("times just below slow take minutes to become usual",
          "[runtime][overload]") {
  first_token_baseline baseline;
  auto now = teach(baseline, 200ms, 20 * 36'000); // Twenty hours.
  auto before = *baseline.p95();
  now = teach(baseline, 550ms, 8 * 600, now);
  CHECK(*baseline.p95() == before);
  teach(baseline, 550ms, 4 * 600, now);
  CHECK(*baseline.p95() > before);
}

TEST_CASE("what came within a minute of an incident is forgotten",
          "[runtime][overload]") {
  first_token_baseline baseline;
  auto now = teach(baseline, 200ms, 1200);
  auto before = baseline.p95();
  now = teach(baseline, 500ms, 500, now);
  baseline.forget_recent();
  teach(baseline, 200ms, 1200, now);
  CHECK(baseline.p95() == before);
}

TEST_CASE("absurd times and a clock that stands still do no harm",
          "[runtime][overload]") {
  first_token_baseline baseline;
  for (auto t : {duration::max(), duration::min(), duration{-1}, duration{0}})
    for (int i = 0; i < 1000; ++i)
      baseline.learn(t, origin);
  CHECK_FALSE(baseline.p95()); // Nothing settles while time stands still.
  baseline.learn(0us, origin + 1min);
  REQUIRE(baseline.p95());
  CHECK(*baseline.p95() <= 5h);
  CHECK_FALSE(baseline.is_slow(duration::min()));
  baseline.clear();
  CHECK_FALSE(baseline.p95());
  CHECK_FALSE(baseline.is_slow(duration::max()));
}

} // namespace
