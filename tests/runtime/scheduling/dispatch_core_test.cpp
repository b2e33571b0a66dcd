#include "runtime/scheduling/dispatch_core.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

constexpr shard_id shard{3};
constexpr mono_time t0{1h};

announced_head head(uint64_t n, int64_t key, bool alone = false) {
  return {.id = job_id{n, n}, .key = key, .attempt = 0, .alone = alone};
}

attempt_id attempt(uint64_t n) {
  return {job_id{n, n}, 1, 1};
}

std::vector<uint64_t> jobs_of(const std::vector<lease_order>& orders) {
  std::vector<uint64_t> jobs;
  for (const auto& o : orders)
    jobs.push_back(o.job.high());
  return jobs;
}

} // namespace

TEST_CASE("free slots go to the smallest keys, never more than there are",
          "[runtime][dispatch]") {
  dispatch_core core{2s};
  core.announce(shard, {head(1, 30), head(2, 10), head(3, 20)});
  CHECK(core.pick(t0).empty());
  core.register_worker("w", 1, 2, {});
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{2, 3});
  CHECK(core.pick(t0).empty());
  core.granted(job_id{2, 2}, attempt(2));
  core.refused(job_id{3, 3});
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{1});
}

TEST_CASE("a slot that is freed before its grant arrives is free",
          "[runtime][dispatch]") {
  dispatch_core core{2s};
  core.register_worker("w", 1, 1, {});
  core.announce(shard, {head(1, 1, true)});
  REQUIRE(core.pick(t0).size() == 1);
  core.freed("w", attempt(1));
  core.granted(job_id{1, 1}, attempt(1));
  CHECK(core.slots_free() == 1);
  core.announce(shard, {head(2, 2)});
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{2});
}

TEST_CASE("a job that must be alone gets an idle worker to itself",
          "[runtime][dispatch]") {
  dispatch_core core{2s};
  core.register_worker("w", 1, 4, {});
  core.announce(shard, {head(1, 1)});
  REQUIRE(core.pick(t0).size() == 1);
  core.granted(job_id{1, 1}, attempt(1));
  core.announce(shard, {head(2, 2, true), head(3, 3)});
  CHECK(core.pick(t0).empty()); // The worker is kept free for job 2.
  core.freed("w", attempt(1));
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{2});
  core.granted(job_id{2, 2}, attempt(2));
  CHECK(core.pick(t0).empty());
  core.freed("w", attempt(2));
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{3});
}

TEST_CASE("a newer generation of a worker loses what the older one ran",
          "[runtime][dispatch]") {
  dispatch_core core{2s};
  core.register_worker("w", 1, 2, {});
  core.announce(shard, {head(1, 1), head(2, 2)});
  REQUIRE(core.pick(t0).size() == 2);
  core.granted(job_id{1, 1}, attempt(1));
  auto lost = core.register_worker("w", 2, 2, {});
  REQUIRE(lost.size() == 1);
  CHECK(lost[0] == attempt(1));
  // The order of job 2 went to the old one: it is asked for again.
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{2});
  CHECK(core.withdraw("w", 1).empty()); // An old notice changes nothing.
  CHECK(core.slots_total() == 2);
}

TEST_CASE("an order that nobody answers frees its slot after the timeout",
          "[runtime][dispatch]") {
  dispatch_core core{2s};
  core.register_worker("w", 1, 1, {});
  core.announce(shard, {head(1, 1)});
  REQUIRE(core.pick(t0).size() == 1);
  CHECK(core.next_due() == t0 + 2s);
  CHECK(core.pick(t0 + 1s).empty());
  CHECK(jobs_of(core.pick(t0 + 2s)) == std::vector<uint64_t>{1});
}
