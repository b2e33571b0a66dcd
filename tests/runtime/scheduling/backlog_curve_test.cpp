#include "runtime/scheduling/backlog_curve.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <random>

namespace troupe::runtime {
namespace {

using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

constexpr int64_t bucket = int64_t{1} << 22;

TEST_CASE("nothing waits below any key of an empty curve",
          "[runtime][scheduling]") {
  backlog_curve none{key_histogram{}};
  CHECK(none.empty());
  CHECK(none.below(INT64_MIN).work_s == 0);
  CHECK(none.below(INT64_MAX).jobs == 0);
}

TEST_CASE("a curve of few buckets is the histogram", "[runtime][scheduling]") {
  key_histogram h;
  h.add(INT64_MIN, 1'000'000);
  h.add(5 * bucket, 2'000'000);
  h.add(INT64_MAX, 4'000'000);
  backlog_curve c{h};
  CHECK(c.below(INT64_MIN).jobs == 0);
  CHECK_THAT(c.below(INT64_MIN + bucket).work_s, WithinAbs(1, 1e-6));
  CHECK_THAT(c.below(5 * bucket).work_s, WithinAbs(1, 1e-6));
  CHECK_THAT(c.below(6 * bucket).work_s, WithinAbs(3, 1e-6));
  CHECK_THAT(c.all().work_s, WithinAbs(7, 1e-6));
  CHECK(c.all().jobs == 3);
}

TEST_CASE("many shards' curves add up to what waits, and stay small",
          "[runtime][scheduling]") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    key_histogram whole;
    backlog_curve sum;
    for (int shard = 0; shard < 16; ++shard) {
      key_histogram own;
      for (int i = 0; i < 2000; ++i) {
        // Hours of deferred jobs far behind a crowd of seconds.
        auto key = static_cast<int64_t>(
          random() % (i % 10 == 0 ? 20'000 * bucket : 50 * bucket));
        auto work = static_cast<int64_t>(random() % 2'000'000);
        own.add(key, work);
        whole.add(key, work);
      }
      sum.add(backlog_curve{own});
      REQUIRE(sum.size() <= backlog_curve::points_max);
    }
    auto all = whole.all();
    CHECK_THAT(sum.all().work_s,
               WithinRel(static_cast<double>(all.work_us) / 1e6, 1e-9));
    CHECK_THAT(sum.all().jobs, WithinRel(static_cast<double>(all.jobs), 1e-9));
    double before = 0;
    for (int64_t key = 0; key < 20'000 * bucket; key += 37 * bucket) {
      auto at = sum.below(key);
      auto real = static_cast<double>(whole.below(key).work_us) / 1e6;
      REQUIRE(at.work_s >= before);
      REQUIRE_THAT(at.work_s, WithinAbs(real, 0.08 * sum.all().work_s));
      before = at.work_s;
    }
  }
}

} // namespace
} // namespace troupe::runtime
