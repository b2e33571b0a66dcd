#include "runtime/rng.hpp"
#include "runtime/scheduling/priority_key.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

constexpr wall_time noon{std::chrono::hours{24 * 20'000 + 12}};

/// A queue that drains in a minute, jobs of 2 s.
key_terms busy() {
  boost_terms t{{}};
  t.observe_work(2);
  t.observe_drain(60, mono_time{1h});
  return t.terms(1);
}

key_inputs job(double size_s, const key_terms& terms) {
  return {.arrival = noon, .log_mgf = terms.gamma * size_s};
}

} // namespace

TEST_CASE("a job of average size and weight keeps its arrival",
          "[scheduling][key]") {
  auto terms = busy();
  auto k = make_priority_key(job(2, terms), terms);
  CHECK(k.key == to_us(noon));
  CHECK(k.base == to_us(noon));
  CHECK_FALSE(k.clamped);
}

TEST_CASE("shorter and weightier jobs go first, within the limit",
          "[scheduling][key][property]") {
  seeded_rng random{5};
  for (int i = 0; i < 20'000; ++i) {
    boost_terms source{{}};
    source.observe_work(std::exp(random.unit() * 12 - 6));
    source.observe_drain(std::exp(random.unit() * 16 - 8), mono_time{1h});
    auto terms = source.terms(1 + static_cast<double>(random.below(32)));
    auto a = job(std::exp(random.unit() * 20 - 10), terms);
    a.weight = std::exp(random.unit() * 8 - 4);
    auto longer = a;
    longer.log_mgf *= 1 + random.unit();
    auto lighter = a;
    lighter.weight /= 1 + random.unit();
    auto k = make_priority_key(a, terms);
    REQUIRE(k.key <= make_priority_key(longer, terms).key);
    REQUIRE(k.key <= make_priority_key(lighter, terms).key);
    REQUIRE(std::abs(static_cast<double>(k.key - k.base))
            <= terms.limit_s * 1e6 + 1);
    REQUIRE(k.key == k.base - k.boost);
  }
}

TEST_CASE("without gamma the key is the base", "[scheduling][key]") {
  auto k = make_priority_key({.arrival = noon, .weight = 16, .log_mgf = 3}, {});
  CHECK(k.key == to_us(noon));
}

TEST_CASE(
  "a near deadline pulls forward by the limit at most, a far one defers "
  "only whom it may",
  "[scheduling][key]") {
  auto terms = busy();
  auto base = [&](duration until, duration deferral) {
    auto x = job(2, terms);
    x.deadline = noon + until;
    x.slo = 60s;
    x.deferral_max = deferral;
    return wall_from_us(make_priority_key(x, terms).base) - noon;
  };
  auto limit = duration{static_cast<int64_t>(terms.limit_s * 1e6)};
  CHECK(base(50s, 0s) == -10s);
  CHECK(base(1s, 0s) == -59s);
  CHECK(base(-1h, 0s) == -limit);
  CHECK(base(10h, 0s) == 0s);
  CHECK(base(10h, 24h) == 10h - 60s);
  CHECK(base(10h, 1h) == 1h);
}

TEST_CASE("no input breaks the key", "[scheduling][key]") {
  auto terms = busy();
  auto inf = std::numeric_limits<double>::infinity();
  auto limit = static_cast<int64_t>(terms.limit_s * 1e6);
  auto boost = [&](double size_log, double weight) {
    return make_priority_key(
             {.arrival = noon, .weight = weight, .log_mgf = size_log}, terms)
      .boost;
  };
  CHECK(boost(0, 1) == limit);
  CHECK(boost(-5, 1) == limit);
  CHECK(boost(inf, 1e-9) == -limit);
  CHECK(boost(std::nan(""), 1) == 0);
  CHECK(boost(terms.gamma * 2, std::nan("")) == 0);
  CHECK(boost(terms.gamma * 2, -1) == 0);
  for (auto t : {wall_time::min(), wall_time::max()}) {
    key_inputs x{.arrival = t,
                 .deadline = wall_time::max(),
                 .slo = 1h,
                 .deferral_max = duration::max()};
    auto k = make_priority_key(x, terms);
    CHECK(k.key == k.base - k.boost);
  }
}

TEST_CASE("a job can be overtaken only by those that came before the bound",
          "[scheduling][key][property]") {
  // K_i >= arrival_i - 2B and K_j <= base_j + B: T* = base_j + 3B.
  seeded_rng random{8};
  boost_terms source{{}};
  auto now = mono_time{1h};
  double largest = 0;
  int64_t arrival = to_us(noon);
  auto draw = [&] {
    now += 1s;
    arrival += 1'000'000;
    source.observe_work(std::exp(random.unit() * 8 - 4));
    source.observe_drain(std::exp(random.unit() * 12 - 6), now);
    auto terms = source.terms(1);
    largest = std::max(largest, terms.limit_s);
    auto x = job(std::exp(random.unit() * 12 - 6), terms);
    x.arrival = wall_from_us(arrival);
    x.weight = random.below(2) == 0 ? 16 : 0.0625;
    if (random.below(2) == 0) {
      x.deadline =
        x.arrival + duration{static_cast<int64_t>(random.below(600'000'000))};
      x.slo = 60s;
    }
    return make_priority_key(x, terms);
  };
  for (int i = 0; i < 200; ++i) {
    auto mine = draw();
    for (int j = 0; j < 300; ++j) {
      auto other = draw();
      if (other.key < mine.key)
        REQUIRE(arrival
                < mine.base + static_cast<int64_t>(3 * largest * 1e6) + 1);
    }
  }
}
