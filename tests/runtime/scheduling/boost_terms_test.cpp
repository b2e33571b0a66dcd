#include "runtime/rng.hpp"
#include "runtime/scheduling/boost_terms.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>
#include <limits>

using namespace troupe::runtime;
using namespace std::chrono_literals;
using Catch::Matchers::WithinRel;

namespace {

constexpr mono_time start{1h};

boost_terms after(double work_s, double drain_s, boost_settings settings = {}) {
  boost_terms t{settings};
  t.observe_work(work_s);
  t.observe_drain(drain_s, start);
  return t;
}

} // namespace

TEST_CASE("gamma follows the backlog, or the mean size when there is none",
          "[scheduling][boost]") {
  CHECK_THAT(after(2, 60).terms(1).gamma, WithinRel(0.3 / 60, 1e-9));
  CHECK_THAT(after(2, 0).terms(1).gamma, WithinRel(0.3 / 2, 1e-9));
  CHECK_THAT(after(2, 0).terms(4).gamma, WithinRel(0.3 / 0.5, 1e-9));
}

TEST_CASE("without sizes, or with m = 0, the order is that of arrival",
          "[scheduling][boost]") {
  boost_terms fresh{{}};
  fresh.observe_drain(100, start);
  CHECK(fresh.terms(1).gamma == 0);
  CHECK(after(2, 60, {.boost_m = 0}).terms(1).gamma == 0);
}

TEST_CASE(
  "gamma times the limit never exceeds the clamp, nor the limit its own",
  "[scheduling][boost][property]") {
  seeded_rng random{11};
  boost_terms t{{.limit_max = 90s}};
  auto now = start;
  for (int i = 0; i < 20'000; ++i) {
    t.observe_work(std::exp(random.unit() * 20 - 10));
    now += duration{static_cast<int64_t>(random.below(3'000'000))};
    t.observe_drain(std::exp(random.unit() * 20 - 10), now);
    auto terms = t.terms(1 + static_cast<double>(random.below(64)));
    REQUIRE(terms.gamma > 0);
    REQUIRE(terms.gamma * terms.limit_s <= 4 * (1 + 1e-12));
    REQUIRE(terms.limit_s <= 90);
    REQUIRE(std::isfinite(terms.beta_ref));
    REQUIRE(terms.beta_ref >= 0);
  }
}

TEST_CASE("the backlog's average does not depend on how often it is sampled",
          "[scheduling][boost][property]") {
  // The same step seen every 10 ms and every 7 s, for 21 minutes: first the plain
  // mean, then exponential.
  boost_terms often = after(1, 10);
  boost_terms seldom = after(1, 10);
  for (auto t = 10ms; t <= 420s; t += 10ms)
    often.observe_drain(50, start + t);
  for (auto t = 7s; t <= 420s; t += 7s)
    seldom.observe_drain(50, start + t);
  CHECK_THAT(often.drain_s(), WithinRel(50, 0.01));
  CHECK_THAT(often.drain_s(), WithinRel(seldom.drain_s(), 0.01));
  for (auto t = 420s + 10ms; t <= 1260s; t += 10ms)
    often.observe_drain(0, start + t);
  for (auto t = 427s; t <= 1260s; t += 7s)
    seldom.observe_drain(0, start + t);
  CHECK_THAT(often.drain_s(), WithinRel(seldom.drain_s(), 0.02));
}

TEST_CASE("an idle time before the first backlog does not count",
          "[scheduling][boost]") {
  boost_terms t{{}};
  t.observe_work(1);
  for (auto at = 0s; at < 3600s; at += 10s)
    t.observe_drain(0, start + at);
  t.observe_drain(30, start + 3600s);
  CHECK(t.drain_s() == 30);
}

TEST_CASE("nonsense is ignored, a clock that stands still changes nothing",
          "[scheduling][boost]") {
  auto t = after(2, 60);
  for (double bad :
       {std::nan(""), std::numeric_limits<double>::infinity(), -1.0}) {
    t.observe_work(bad);
    t.observe_drain(bad, start + 1s);
  }
  t.observe_drain(1e6, start);
  t.observe_drain(1e6, start - 1s);
  CHECK(t.drain_s() == 60);
  CHECK(t.mean_work_s() == 2);
  CHECK(t.terms(std::nan("")).capacity == 1);
  CHECK(t.terms(-3).capacity == 1);
}

TEST_CASE("the exponent is the logarithm of M / (M - 1) and never overflows",
          "[scheduling][boost]") {
  CHECK_THAT(boost_exponent(std::log(2.0)), WithinRel(std::log(2.0), 1e-12));
  CHECK_THAT(boost_exponent(1e-9), WithinRel(std::log(1e9), 1e-6));
  CHECK(boost_exponent(700) >= 0);
  CHECK(boost_exponent(1e6) == 0);
  CHECK(boost_exponent(0) == std::numeric_limits<double>::infinity());
}
