#include "runtime/scheduling/key_histogram.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <random>

namespace troupe::runtime {
namespace {

constexpr int64_t bucket = int64_t{1} << 22;

TEST_CASE("counts below a bucket's edge are exact for any spread of keys",
          "[runtime][scheduling]") {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    key_histogram histogram;
    std::multimap<int64_t, int64_t> reference;
    auto spread = seed % 3;
    auto any_key = [&] {
      auto bits = static_cast<int64_t>(random());
      return spread == 0 ? bits : spread == 1 ? bits >> 20 : bits >> 38;
    };
    for (int step = 0; step < 2000; ++step) {
      if (random() % 3 != 0 || reference.empty()) {
        auto key = any_key();
        auto work = static_cast<int64_t>(random() % 10'000);
        histogram.add(key, work);
        reference.emplace(key, work);
      } else {
        auto it = reference.lower_bound(any_key());
        it = it == reference.end() ? reference.begin() : it;
        histogram.remove(it->first, it->second);
        reference.erase(it);
      }
      if (step % 20 != 0)
        continue;
      auto edge = any_key() & ~(bucket - 1);
      uint64_t jobs = 0;
      int64_t work = 0;
      for (auto it = reference.begin();
           it != reference.end() && it->first < edge; ++it) {
        ++jobs;
        work += it->second;
      }
      REQUIRE(histogram.below(edge).jobs == jobs);
      REQUIRE(histogram.below(edge).work_us == work);
      REQUIRE(histogram.all().jobs == reference.size());
    }
    while (!reference.empty()) {
      auto it = reference.begin();
      histogram.remove(it->first, it->second);
      reference.erase(it);
    }
    CHECK(histogram.all().jobs == 0);
    CHECK(histogram.all().work_us == 0);
    CHECK(histogram.below(INT64_MAX).jobs == 0);
  }
}

TEST_CASE("a histogram over moving keys does not grow",
          "[runtime][scheduling]") {
  key_histogram histogram;
  size_t early = 0;
  for (int64_t n = 0; n < 200'000; ++n) {
    histogram.add(n * bucket, 1);
    if (n >= 100)
      histogram.remove((n - 100) * bucket, 1);
    if (n == 1000)
      early = histogram.memory_bytes();
  }
  CHECK(histogram.memory_bytes() <= 2 * early);
}

TEST_CASE("inside of a bucket the share before the key is interpolated",
          "[runtime][scheduling]") {
  key_histogram histogram;
  for (int i = 0; i < 100; ++i)
    histogram.add(i, 10);
  CHECK(histogram.below(0).jobs == 0);
  CHECK(histogram.below(bucket / 2).jobs == 50);
  CHECK(histogram.below(bucket / 2).work_us == 500);
  CHECK(histogram.below(bucket).jobs == 100);
}

} // namespace
} // namespace troupe::runtime
