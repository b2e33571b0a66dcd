#include "runtime/rng.hpp"
#include "runtime/scheduling/calibration.hpp"
#include "runtime/scheduling/starvation_watch.hpp"
#include "tests/support/job_samples.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>

using namespace std::chrono_literals;
using namespace troupe::runtime;
using Catch::Matchers::WithinAbs;

TEST_CASE("tau is 1 for the right order, -1 for the reverse, 0 for none",
          "[scheduling][calibration]") {
  calibration right;
  calibration wrong;
  calibration none;
  seeded_rng random{1};
  for (int i = 1; i <= 500; ++i) {
    right.add(i, std::exp(i / 100.0));
    wrong.add(i, 1.0 / i);
    none.add(random.unit() + 0.1, random.unit() + 0.1);
  }
  CHECK_THAT(right.tau().value(), WithinAbs(1, 1e-12));
  CHECK_THAT(wrong.tau().value(), WithinAbs(-1, 1e-12));
  CHECK_THAT(none.tau().value(), WithinAbs(0, 0.1));
}

TEST_CASE("tau knows no answer where nothing differs",
          "[scheduling][calibration]") {
  calibration c;
  CHECK_FALSE(c.tau());
  c.add(1, 1);
  CHECK_FALSE(c.tau());
  for (int i = 1; i < 50; ++i)
    c.add(1, i);
  CHECK_FALSE(c.tau());
  c.add(-1, 3);
  c.add(std::nan(""), 3);
  c.add(3, INFINITY);
  CHECK(c.samples() == 50);
}

TEST_CASE("tau forgets what is a thousand attempts ago",
          "[scheduling][calibration]") {
  calibration c;
  for (int i = 1; i <= 1'000; ++i)
    c.add(i, 1.0 / i);
  for (int i = 1; i <= 1'000; ++i)
    c.add(i, i);
  CHECK(c.samples() == calibration::samples_max);
  CHECK_THAT(c.tau().value(), WithinAbs(1, 1e-12));
}

TEST_CASE("an overdue job that others pass for five seconds is a violation",
          "[scheduling][starvation]") {
  troupe::tests::job_samples samples{1};
  head_rank late{.on_time = false, .key = 5, .id = samples.id({0})};
  head_rank fine{.key = 5, .id = samples.id({0})};
  mono_time t{1h};
  starvation_watch watch;
  CHECK_FALSE(watch.observe(std::nullopt, true, t));
  CHECK_FALSE(watch.observe(fine, true, t + 1s));
  CHECK_FALSE(watch.observe(fine, true, t + 60s));
  // It waits for a slot, but nobody goes before it.
  CHECK_FALSE(watch.observe(late, false, t + 61s));
  CHECK_FALSE(watch.observe(late, false, t + 99s));
  CHECK_FALSE(watch.observe(late, true, t + 100s));
  CHECK_FALSE(watch.observe(late, true, t + 105s));
  CHECK(watch.observe(late, true, t + 106s));
  CHECK_FALSE(watch.observe(late, true, t + 120s)); // once
  late.id = samples.id({0});
  CHECK_FALSE(watch.observe(late, true, t + 121s));
  CHECK(watch.observe(late, false, t + 127s));
}
