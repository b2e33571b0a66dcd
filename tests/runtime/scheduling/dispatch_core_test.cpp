#include "runtime/rng.hpp"
#include "runtime/scheduling/dispatch_core.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>

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
  dispatch_core core{{}};
  core.announce(shard, {{"t", {head(1, 30), head(2, 10), head(3, 20)}}});
  CHECK(core.pick(t0).empty());
  core.register_worker("w", 1, 2, {}, t0);
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{2, 3});
  CHECK(core.pick(t0).empty());
  core.granted(job_id{2, 2}, attempt(2), t0);
  core.refused(job_id{3, 3});
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{1});
}

TEST_CASE("a slot that is freed before its grant arrives is free",
          "[runtime][dispatch]") {
  dispatch_core core{{}};
  core.register_worker("w", 1, 1, {}, t0);
  core.announce(shard, {{"t", {head(1, 1, true)}}});
  REQUIRE(core.pick(t0).size() == 1);
  core.freed("w", attempt(1), 1s);
  core.granted(job_id{1, 1}, attempt(1), t0);
  CHECK(core.slots_free() == 1);
  core.announce(shard, {{"t", {head(2, 2)}}});
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{2});
}

TEST_CASE("a job that must be alone gets an idle worker to itself",
          "[runtime][dispatch]") {
  dispatch_core core{{}};
  core.register_worker("w", 1, 4, {}, t0);
  core.announce(shard, {{"t", {head(1, 1)}}});
  REQUIRE(core.pick(t0).size() == 1);
  core.granted(job_id{1, 1}, attempt(1), t0);
  core.announce(shard, {{"t", {head(2, 2, true), head(3, 3)}}});
  CHECK(core.pick(t0).empty()); // The worker is kept free for job 2.
  core.freed("w", attempt(1), 1s);
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{2});
  core.granted(job_id{2, 2}, attempt(2), t0);
  CHECK(core.pick(t0).empty());
  core.freed("w", attempt(2), 1s);
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{3});
}

TEST_CASE("a newer generation of a worker loses what the older one ran",
          "[runtime][dispatch]") {
  dispatch_core core{{}};
  core.register_worker("w", 1, 2, {}, t0);
  core.announce(shard, {{"t", {head(1, 1), head(2, 2)}}});
  REQUIRE(core.pick(t0).size() == 2);
  core.granted(job_id{1, 1}, attempt(1), t0);
  auto lost = core.register_worker("w", 2, 2, {}, t0);
  REQUIRE(lost.size() == 1);
  CHECK(lost[0] == attempt(1));
  // The order of job 2 went to the old one: it is asked for again.
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{2});
  CHECK(core.withdraw("w", 1).empty()); // An old notice changes nothing.
  CHECK(core.slots_total() == 2);
}

TEST_CASE("an order that nobody answers frees its slot after the timeout",
          "[runtime][dispatch]") {
  dispatch_core core{{}};
  core.register_worker("w", 1, 1, {}, t0);
  core.announce(shard, {{"t", {head(1, 1)}}});
  REQUIRE(core.pick(t0).size() == 1);
  CHECK(core.next_due() == t0 + 2s);
  CHECK(core.pick(t0 + 1s).empty());
  CHECK(jobs_of(core.pick(t0 + 2s)) == std::vector<uint64_t>{1});
}

TEST_CASE("one tenant's flood does not hold another back",
          "[runtime][dispatch]") {
  dispatch_core core{{.gate_slack_jobs = 2}};
  core.register_worker("w", 1, 1, {}, t0);
  announced_queue flood{"flood", {}};
  for (uint64_t n = 1; n <= 50; ++n)
    flood.heads.push_back(head(n, static_cast<int64_t>(n)));
  for (auto& h : flood.heads)
    h.work_s = 1;
  auto single = head(99, 1000);
  single.work_s = 1;
  core.announce(shard, {flood, {"other", {single}}});
  for (int turn = 1;; ++turn) {
    REQUIRE(turn < 6);
    auto orders = core.pick(t0);
    REQUIRE(orders.size() == 1);
    if (orders[0].tenant == "other")
      break;
    attempt_id id{orders[0].job, 1, 1};
    core.granted(id.job, id, t0);
    core.freed("w", id, 1s);
  }
}

TEST_CASE("an overdue job goes before smaller keys", "[runtime][dispatch]") {
  dispatch_core core{{}};
  core.register_worker("w", 1, 1, {}, t0);
  auto late = head(2, 20);
  late.overdue_at = t0 + 5s;
  core.announce(shard, {{"t", {head(1, 10), late, head(3, 15)}}});
  CHECK(jobs_of(core.pick(t0 + 5s)) == std::vector<uint64_t>{2});
}

TEST_CASE("a tenant at its cap lets others pass, until an attempt ends",
          "[runtime][dispatch]") {
  dispatch_core core{{.tenant_in_flight_max = 1}};
  core.register_worker("w", 1, 3, {}, t0);
  core.announce(shard, {{"a", {head(1, 1), head(2, 2)}}, {"b", {head(3, 3)}}});
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{1, 3});
  core.granted(job_id{1, 1}, attempt(1), t0);
  CHECK(core.pick(t0).empty());
  core.freed("w", attempt(1), 1s);
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{2});
}

TEST_CASE("a new feed of a shard forgets what the old one announced",
          "[runtime][dispatch]") {
  dispatch_core core{{}};
  core.announce(shard, {{"a", {head(1, 1)}}, {"b", {head(2, 2)}}});
  core.announce(shard_id{4}, {{"a", {head(3, 3)}}});
  core.reset(shard);
  core.register_worker("w", 1, 3, {}, t0);
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{3});
}

namespace {

/// Shards and workers whose messages are lost, late or doubled.
struct careless_world {
  explicit careless_world(uint64_t seed) : random{seed} {
    for (uint64_t n = 1; n <= 60; ++n)
      waiting[n] = random.below(4);
    core.register_worker("a", 1, 3, {}, now);
    core.register_worker("b", 1, 2, {}, now);
  }

  void announce() {
    std::vector<announced_queue> queues;
    for (uint64_t t = 0; t < 4; ++t) {
      announced_queue q{"t" + std::to_string(t), {}};
      for (auto [n, tenant] : waiting)
        if (tenant == t && q.heads.size() < 5)
          q.heads.push_back(head(n, static_cast<int64_t>(n), n % 13 == 0));
      queues.push_back(std::move(q));
    }
    core.announce(shard, queues);
  }

  void answer(const lease_order& o) {
    auto n = o.job.high();
    if (random.below(5) == 0)
      return; // Lost: times out.
    if (!waiting.contains(n))
      return core.refused(o.job);
    waiting.erase(n);
    attempt_id id{o.job, 1, 1};
    running[n] = {id, o.worker};
    for (auto times = 1 + random.below(4) / 3; times > 0; --times)
      core.granted(o.job, id, now);
  }

  void end_some() {
    std::erase_if(running, [&](const auto& item) {
      if (random.below(3) != 0)
        return false;
      const auto& [id, worker] = item.second;
      for (auto times = 1 + random.below(4) / 3; times > 0; --times)
        core.freed(worker, id, 300ms);
      return true;
    });
  }

  size_t load(const std::string& worker) const {
    size_t n = 0;
    for (const auto& [job, where] : running)
      n += where.second == worker;
    return n;
  }

  seeded_rng random;
  dispatch_core core{{.lease_timeout = 2s, .gate_slack_jobs = 3}};
  mono_time now = t0;
  std::map<uint64_t, uint64_t> waiting; ///< Job to tenant.
  std::map<uint64_t, std::pair<attempt_id, std::string>> running;
};

} // namespace

TEST_CASE("the dispatcher converges whatever becomes of its messages",
          "[runtime][dispatch][property]") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    careless_world w{seed};
    w.announce();
    for (int steps = 0; !w.waiting.empty() || !w.running.empty(); ++steps) {
      REQUIRE(steps < 5000);
      w.now += 100ms;
      for (const auto& o : w.core.pick(w.now))
        w.answer(o);
      REQUIRE(w.load("a") <= 3);
      REQUIRE(w.load("b") <= 2);
      w.end_some();
      if (w.random.below(2) == 0)
        w.announce();
    }
    w.announce();
    CHECK(w.core.pick(w.now + 10s).empty());
    CHECK(w.core.slots_free() == 5);
    CHECK(w.core.idle());
  }
}
