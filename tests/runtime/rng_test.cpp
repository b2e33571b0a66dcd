#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <set>

using troupe::runtime::rng;
using troupe::runtime::seeded_rng;

namespace {
/// Answers the same word for ever.
class constant_rng final : public rng {
public:
  explicit constant_rng(uint64_t word) : word_{word} {}
  uint64_t next() noexcept override { return word_; }

private:
  uint64_t word_;
};
} // namespace

TEST_CASE("a seed gives the same bits on every machine", "[runtime][rng]") {
  // Computed with an independent Python version of xoshiro256** and splitmix64.
  seeded_rng random{42};
  CHECK(random.next() == 0x15780B2E0C2EC716u);
  CHECK(random.next() == 0x6104D9866D113A7Eu);
  CHECK(random.next() == 0xAE17533239E499A1u);
}

TEST_CASE("different seeds give different bits, zero included",
          "[runtime][rng]") {
  std::set<uint64_t> first;
  for (uint64_t seed = 0; seed < 1000; ++seed)
    first.insert(seeded_rng{seed}.next());
  CHECK(first.size() == 1000);
}

TEST_CASE("unit is at least 0 and below 1 at the extremes of next",
          "[runtime][rng]") {
  constant_rng lowest{0};
  constant_rng highest{UINT64_MAX};
  CHECK(lowest.unit() == 0.0);
  CHECK(highest.unit() < 1.0);
  CHECK(highest.unit() > 0.9999);
}

TEST_CASE("below respects its bound", "[runtime][rng]") {
  seeded_rng random{7};
  CHECK(random.below(0) == 0);
  CHECK(random.below(1) == 0);
  std::array<int, 6> seen{};
  for (int i = 0; i < 6000; ++i)
    ++seen[random.below(6)];
  for (auto n : seen) {
    CHECK(n > 800);
    CHECK(n < 1200);
  }
}

TEST_CASE("the operating system's entropy differs each time",
          "[runtime][rng]") {
  CHECK(troupe::runtime::entropy_seed() != troupe::runtime::entropy_seed());
}
