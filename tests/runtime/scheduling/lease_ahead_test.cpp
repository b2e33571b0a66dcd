#include "runtime/scheduling/lease_ahead.hpp"

#include "runtime/rng.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <limits>

using namespace troupe::runtime;
using namespace std::chrono_literals;

TEST_CASE("nothing is leased ahead before a loop and a service were seen",
          "[runtime][lease-ahead]") {
  lease_ahead lead;
  CHECK(lead.ratio() == 0);
  lead.heard(1ms);
  lead.served(2ms);
  CHECK(lead.ratio() == 0); // The other half of the loop is not known.
  lead.arrived(3ms);
  CHECK(lead.loop_s() == Catch::Approx(0.004));
  CHECK(lead.ratio() == Catch::Approx(2));
}

TEST_CASE("a long job beside a short loop leases nothing ahead",
          "[runtime][lease-ahead]") {
  CHECK(lease_ahead::ahead(16, 0.005) == 0);  // x = 0.08
  CHECK(lease_ahead::ahead(16, 0.0063) == 1); // x = 0.1008
  CHECK(lease_ahead::ahead(16, 0.075) == 2);  // x = 1.2, 1.8
  CHECK(lease_ahead::ahead(16, 10) == 16);
  CHECK(lease_ahead::ahead(0, 10) == 0);
  CHECK(lease_ahead::ahead(8, std::numeric_limits<double>::quiet_NaN()) == 0);
}

TEST_CASE("ahead stays within the slots and grows with the loop",
          "[runtime][lease-ahead][property]") {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    seeded_rng random{seed};
    auto slots = static_cast<uint32_t>(random.below(1025));
    auto ratio = random.unit() * 3;
    auto ahead = lease_ahead::ahead(slots, ratio);
    CAPTURE(seed, slots, ratio);
    REQUIRE(ahead <= slots);
    REQUIRE(lease_ahead::ahead(slots, ratio * 1.1) >= ahead);
    REQUIRE(lease_ahead::ahead(slots + 1, ratio) >= ahead);
    // What ends during a loop finds a successor that waits.
    if (slots * ratio >= 0.1 && ahead < slots)
      REQUIRE(ahead >= slots * ratio);
    auto depth = lease_ahead::depth(slots, ahead);
    REQUIRE(depth >= 1);
    REQUIRE(depth <= lease_ahead::depth_max);
    REQUIRE((depth == lease_ahead::depth_max || depth > ahead));
  }
}

TEST_CASE("the loop forgets, and one stall is no loop",
          "[runtime][lease-ahead]") {
  lease_ahead lead;
  for (int i = 0; i < 100; ++i) {
    lead.heard(10ms);
    lead.arrived(10ms);
    lead.served(100ms);
  }
  CHECK(lead.ratio() == Catch::Approx(0.2));
  lead.heard(1h);
  CHECK(lead.loop_s() < 0.05);
  for (int i = 0; i < 1000; ++i) {
    lead.heard(1ms);
    lead.arrived(1ms);
  }
  CHECK(lead.loop_s() == Catch::Approx(0.002).epsilon(0.01));
  lead.served(0s); // Never ran.
  CHECK(lead.mean_service_s() == Catch::Approx(0.1));
}
