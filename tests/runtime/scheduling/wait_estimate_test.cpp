#include "runtime/scheduling/wait_calibration.hpp"
#include "runtime/scheduling/wait_estimate.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <limits>

namespace troupe::runtime {
namespace {

using Catch::Matchers::WithinRel;

model_policy with_slots(double k) {
  model_policy p;
  p.terms.capacity = k;
  p.capacity_known = true;
  return p;
}

TEST_CASE("nobody foretells a wait for a model that never had a worker",
          "[runtime][scheduling]") {
  auto place =
    estimate_wait({}, {.jobs = 9, .work_us = 9'000'000},
                  {.below = {4, 4'000'000}, .all = {9, 9'000'000}}, 0);
  CHECK(place.position == 4);
  CHECK_FALSE(place.wait_s.has_value());
}

TEST_CASE("the wait is the work before the job over the slots",
          "[runtime][scheduling]") {
  auto p = with_slots(4);
  p.running_s = 6;
  auto place =
    estimate_wait(p, {.jobs = 20, .work_us = 20'000'000},
                  {.below = {10, 10'000'000}, .all = {20, 20'000'000}}, 0);
  CHECK(place.position == 10);
  CHECK_THAT(*place.wait_s, WithinRel(4.0, 1e-9));
}

TEST_CASE("other shards' work counts by the published curve",
          "[runtime][scheduling]") {
  auto p = with_slots(1);
  key_histogram both;
  both.add(0, 30'000'000);
  both.add(int64_t{1} << 40, 10'000'000);
  p.backlog = backlog_curve{both};
  auto at = int64_t{1} << 30;
  auto place = estimate_wait(p, {.jobs = 2, .work_us = 40'000'000}, {}, at);
  CHECK_THAT(*place.wait_s, WithinRel(30.0, 1e-6));
  CHECK(place.position == 1);
  // What came since may all be before it, as far as this shard can tell.
  place = estimate_wait(p, {.jobs = 4, .work_us = 80'000'000}, {}, at);
  CHECK_THAT(*place.wait_s, WithinRel(70.0, 1e-6));
  CHECK(place.position == 3);
  // Half of this shard's work is before it, so half of that, too.
  place = estimate_wait(p, {.jobs = 8, .work_us = 90'000'000},
                        {.below = {2, 5'000'000}, .all = {4, 10'000'000}}, at);
  CHECK_THAT(*place.wait_s, WithinRel(5.0 + 30 + 20, 1e-6));
}

TEST_CASE("a free slot means no wait, and a busy one means its rest",
          "[runtime][scheduling]") {
  auto p = with_slots(2);
  p.running_s = 5;
  p.slots_free = 1;
  CHECK(estimate_wait(p, {}, {}, 0).wait_s == 0.0);
  p.slots_free = 0;
  CHECK_THAT(*estimate_wait(p, {}, {}, 0).wait_s, WithinRel(2.5, 1e-9));
}

TEST_CASE("a tenant waits for its own queue at its part of the slots",
          "[runtime][scheduling]") {
  auto p = with_slots(1);
  p.tenants = 10;
  // A fifth of all is before the job, most of it its tenant's.
  shard_queue own{.below = {20, 20'000'000},
                  .all = {100, 100'000'000},
                  .tenant_work_us = 90'000'000};
  auto wait =
    *estimate_wait(p, {.jobs = 100, .work_us = 100'000'000}, own, 0).wait_s;
  CHECK_THAT(wait, WithinRel(100.0, 1e-9)); // Never more than all there is.
  own.tenant_work_us = 20'000'000;
  wait =
    *estimate_wait(p, {.jobs = 100, .work_us = 100'000'000}, own, 0).wait_s;
  CHECK_THAT(wait, WithinRel(40.0, 1e-9));
}

TEST_CASE("estimates are calibrated by the newest thousand waits",
          "[runtime][scheduling]") {
  wait_calibration c;
  for (double bad : {-1.0, std::numeric_limits<double>::infinity(),
                     std::numeric_limits<double>::quiet_NaN()})
    c.observe(bad);
  CHECK(c.size() == 0);
  for (int i = 0; i < 19; ++i)
    c.observe(5);
  CHECK_FALSE(c.p90().has_value());
  for (int i = 0; i < 1000; ++i)
    c.observe(i < 900 ? 1 : 3);
  CHECK(c.size() == wait_calibration::samples_max);
  CHECK(c.p90() == 3.0);
}

} // namespace
} // namespace troupe::runtime
