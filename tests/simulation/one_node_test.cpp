#include "tests/simulation/one_node.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>

using troupe::tests::simulate_one_node;
using troupe::tests::simulation_mix;

namespace {

/// `./dev sim --seed N` sets these.
uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

} // namespace

TEST_CASE("no seed breaks a promise, and every seed repeats exactly",
          "[simulation]") {
  auto first = from_environment("TROUPE_SIM_SEED", 1);
  auto count = from_environment("TROUPE_SIM_SEEDS", 50);
  uint64_t cuts = 0;
  uint64_t retries = 0;
  uint64_t completed = 0;
  for (auto seed = first; seed < first + count; ++seed) {
    auto report = simulate_one_node(seed);
    INFO("seed " << seed << ": " << report.options);
    for (const auto& v : report.violations)
      UNSCOPED_INFO(v);
    REQUIRE(report.violations.empty());
    auto again = simulate_one_node(seed);
    REQUIRE(again.trace_hash == report.trace_hash);
    cuts += report.power_cuts;
    retries += report.engine_deaths;
    completed += report.completed;
  }
  // A run in which nothing went wrong proves nothing.
  if (count >= 50) {
    CHECK(cuts >= 20);
    CHECK(retries >= 50);
    CHECK(completed >= 500);
  }
}

TEST_CASE("no seed breaks a promise while attempts leave slots for others",
          "[simulation][preemption]") {
  auto first = from_environment("TROUPE_SIM_SEED", 1);
  auto count = from_environment("TROUPE_SIM_SEEDS", 50);
  uint64_t parks = 0;
  uint64_t cuts = 0;
  uint64_t retries = 0;
  uint64_t completed = 0;
  for (auto seed = first; seed < first + count; ++seed) {
    auto report = simulate_one_node(seed, simulation_mix::predicted);
    INFO("seed " << seed << ": " << report.options);
    for (const auto& v : report.violations)
      UNSCOPED_INFO(v);
    REQUIRE(report.violations.empty());
    auto again = simulate_one_node(seed, simulation_mix::predicted);
    REQUIRE(again.trace_hash == report.trace_hash);
    REQUIRE(again.parks == report.parks);
    parks += report.parks;
    cuts += report.power_cuts;
    retries += report.engine_deaths;
    completed += report.completed;
  }
  if (count >= 50) {
    CHECK(parks >= 50);
    CHECK(cuts >= 20);
    CHECK(retries >= 50);
    CHECK(completed >= 500);
  }
}

TEST_CASE("seeds that once broke a promise keep it", "[simulation]") {
  // 136: a degraded job left and came back with an older record.
  for (uint64_t seed : {uint64_t{136}}) {
    auto report = simulate_one_node(seed);
    INFO("seed " << seed << ": " << report.options);
    for (const auto& v : report.violations)
      UNSCOPED_INFO(v);
    CHECK(report.violations.empty());
  }
}
