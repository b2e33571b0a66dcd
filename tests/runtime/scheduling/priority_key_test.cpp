#include "runtime/scheduling/priority_key.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <random>

namespace troupe::runtime {
namespace {

TEST_CASE("a higher tier goes first whatever the arrivals, then the earlier",
          "[runtime][scheduling]") {
  constexpr std::array tiers{service_tier::flex, service_tier::standard,
                             service_tier::priority};
  std::mt19937_64 random{1};
  for (int i = 0; i < 10'000; ++i) {
    order_inputs a{tiers[random() % 3], wall_from_us(static_cast<int64_t>(
                                          random() % (1ull << 54)))};
    order_inputs b{tiers[random() % 3], wall_from_us(static_cast<int64_t>(
                                          random() % (1ull << 54)))};
    auto first = a.tier != b.tier ? a.tier > b.tier : a.arrival < b.arrival;
    auto last = a.tier != b.tier ? a.tier < b.tier : a.arrival > b.arrival;
    REQUIRE((order_key(a) < order_key(b)) == first);
    REQUIRE((order_key(a) > order_key(b)) == last);
  }
}

TEST_CASE("an arrival outside of the range of job ids stays in its tier",
          "[runtime][scheduling]") {
  for (auto us : {INT64_MIN, int64_t{-1}, tier_stride_us, INT64_MAX}) {
    auto flex = order_key({service_tier::flex, wall_from_us(us)});
    auto standard = order_key({service_tier::standard, wall_from_us(us)});
    CHECK(flex >= 0);
    CHECK(flex < tier_stride_us);
    CHECK(standard < 0);
    CHECK(standard >= -tier_stride_us);
  }
}

} // namespace
} // namespace troupe::runtime
