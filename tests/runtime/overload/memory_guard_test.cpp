#include "runtime/overload/memory_guard.hpp"

#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace troupe::runtime;

namespace {

using enum memory_level;

TEST_CASE("memory is tight at 95 and full at 98 percent",
          "[runtime][overload]") {
  memory_guard guard{1000};
  CHECK(guard.level() == normal);
  CHECK(guard.update(949) == normal);
  CHECK(guard.update(950) == tight);
  CHECK(guard.update(979) == tight);
  CHECK(guard.update(980) == full);
  CHECK(guard.level() == full);
}

TEST_CASE("a level is left two percent below where it began",
          "[runtime][overload]") {
  memory_guard guard{1000};
  guard.update(1000);
  CHECK(guard.update(960) == full);
  CHECK(guard.update(959) == tight);
  CHECK(guard.update(979) == tight);
  CHECK(guard.update(930) == tight);
  CHECK(guard.update(929) == normal);
  CHECK(guard.update(949) == normal);
}

TEST_CASE("a jump in either direction takes effect at once",
          "[runtime][overload]") {
  memory_guard guard{1000};
  CHECK(guard.update(2000) == full);
  CHECK(guard.update(500) == normal);
  CHECK(guard.rises(tight) == 1);
  CHECK(guard.rises(full) == 1);
  CHECK(guard.rises(normal) == 0);
}

TEST_CASE("small bodies pass while memory is tight, none when it is full",
          "[runtime][overload]") {
  memory_guard guard{1000};
  CHECK(guard.takes_body(SIZE_MAX));
  guard.update(950);
  CHECK(guard.takes_work());
  CHECK(guard.takes_body(64 * 1024));
  CHECK_FALSE(guard.takes_body(64 * 1024 + 1));
  guard.update(980);
  CHECK_FALSE(guard.takes_work());
  CHECK_FALSE(guard.takes_body(0));
}

TEST_CASE("no maximum is no limit, and huge ones are harmless",
          "[runtime][overload]") {
  memory_guard none{0};
  CHECK(none.update(UINT64_MAX) == normal);
  CHECK(none.update(0) == normal);
  memory_guard most{UINT64_MAX};
  CHECK(most.update(UINT64_MAX) == full);
  CHECK(most.update(0) == normal);
}

TEST_CASE("levels have their words", "[runtime][overload]") {
  CHECK(to_string(normal) == "normal");
  CHECK(to_string(tight) == "tight");
  CHECK(to_string(full) == "full");
}

TEST_CASE("noise below the slack changes the level at most once",
          "[runtime][overload]") {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    seeded_rng random{seed};
    memory_guard guard{100'000};
    auto middle = 90'000 + random.below(12'000);
    auto last = guard.update(middle);
    size_t changes = 0;
    for (int i = 0; i < 1000; ++i) {
      // Within 1.9 %.
      auto now = guard.update(middle - 950 + random.below(1'900));
      changes += now != last ? 1 : 0;
      last = now;
    }
    // What was entered within the noise is left only below it.
    CHECK(changes <= 1);
    guard.update(0);
    CHECK(guard.level() == normal);
  }
}

TEST_CASE("more memory never means a lower level, whatever came before",
          "[runtime][overload]") {
  seeded_rng random{7};
  for (int i = 0; i < 10'000; ++i) {
    memory_guard lower{1000};
    for (int k = 0; k < 5; ++k)
      lower.update(900 + random.below(120));
    auto higher = lower;
    auto bytes = 900 + random.below(120);
    REQUIRE(lower.update(bytes) <= higher.update(bytes + random.below(30)));
  }
}

} // namespace
