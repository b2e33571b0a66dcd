#include "runtime/rng.hpp"
#include "runtime/scheduling/dispatch_core.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <map>
#include <utility>
#include <vector>

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

/// The answer to the order that stands in `pick` result `o`.
void grant(dispatch_core& core, const lease_order& o, mono_time now) {
  core.granted({{o.job, 1, o.after_attempt + 1}, o.worker, o.stamp}, now);
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
  auto orders = core.pick(t0);
  REQUIRE(jobs_of(orders) == std::vector<uint64_t>{2, 3});
  CHECK(core.pick(t0).empty());
  grant(core, orders[0], t0);
  core.refused({orders[1].job, orders[1].stamp.number});
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{1});
}

TEST_CASE("a slot that is freed before its grant arrives is free",
          "[runtime][dispatch]") {
  dispatch_core core{{}};
  core.register_worker("w", 1, 1, {}, t0);
  core.announce(shard, {{"t", {head(1, 1, true)}}});
  auto orders = core.pick(t0);
  REQUIRE(orders.size() == 1);
  core.freed("w", attempt(1), 1s);
  grant(core, orders[0], t0);
  CHECK(core.slots_free() == 1);
  core.announce(shard, {{"t", {head(2, 2)}}});
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{2});
}

TEST_CASE("a job that must be alone gets an idle worker to itself",
          "[runtime][dispatch]") {
  dispatch_core core{{}};
  core.register_worker("w", 1, 4, {}, t0);
  core.announce(shard, {{"t", {head(1, 1)}}});
  auto first = core.pick(t0);
  REQUIRE(first.size() == 1);
  grant(core, first[0], t0);
  core.announce(shard, {{"t", {head(2, 2, true), head(3, 3)}}});
  CHECK(core.pick(t0).empty()); // The worker is kept free for job 2.
  core.freed("w", attempt(1), 1s);
  auto alone = core.pick(t0);
  REQUIRE(jobs_of(alone) == std::vector<uint64_t>{2});
  grant(core, alone[0], t0);
  CHECK(core.pick(t0).empty());
  core.freed("w", attempt(2), 1s);
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{3});
}

TEST_CASE("a newer generation of a worker loses what the older one ran",
          "[runtime][dispatch]") {
  dispatch_core core{{}};
  core.register_worker("w", 1, 2, {}, t0);
  core.announce(shard, {{"t", {head(1, 1), head(2, 2)}}});
  auto orders = core.pick(t0);
  REQUIRE(orders.size() == 2);
  grant(core, orders[0], t0);
  auto lost = core.register_worker("w", 2, 2, {}, t0);
  REQUIRE(lost.size() == 1);
  CHECK(lost[0].id == attempt(1));
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
    grant(core, orders[0], t0);
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
  auto orders = core.pick(t0);
  REQUIRE(jobs_of(orders) == std::vector<uint64_t>{1, 3});
  grant(core, orders[0], t0);
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

/// Shards and workers whose messages are lost, late or doubled, and workers that
/// die. A shard leases a job once; the worker that is named runs it, if that one
/// still lives.
struct careless_world {
  struct place {
    attempt_id id;
    std::string worker;
    uint64_t tenant = 0;
    uint64_t generation = 0;
  };

  explicit careless_world(uint64_t seed) : random{seed} {
    for (uint64_t n = 1; n <= 60; ++n)
      waiting[n] = random.below(4);
    core.set_lead(random.below(2) == 0 ? 0 : 0.4);
    come("a");
    come("b");
  }

  static uint32_t slots(const std::string& worker) {
    return worker == "a" ? 3 : 2;
  }
  size_t places(const std::string& worker) const {
    return slots(worker) + (core.ahead() > 0 ? 2 : 0);
  }

  void come(const std::string& worker) {
    for (const auto& x : core.register_worker(worker, ++generation[worker],
                                              slots(worker), {}, now))
      lose(x.id);
  }
  /// With all that runs there: those jobs wait again.
  void die(const std::string& worker) {
    for (const auto& x : core.withdraw(worker, generation[worker]))
      lose(x.id);
    come(worker);
  }
  void lose(const attempt_id& id) {
    auto it = running.find(id.job.high());
    if (it == running.end() || it->second.id != id)
      return;
    waiting[it->first] = it->second.tenant;
    running.erase(it);
  }

  void announce() {
    std::vector<announced_queue> queues;
    for (uint64_t t = 0; t < 4; ++t) {
      announced_queue q{"t" + std::to_string(t), {}};
      for (auto [n, tenant] : waiting)
        if (tenant == t && q.heads.size() < 5) {
          q.heads.push_back(head(n, static_cast<int64_t>(n), n % 13 == 0));
          q.heads.back().attempt = attempts[n];
        }
      queues.push_back(std::move(q));
    }
    core.announce(shard, queues);
  }

  /// Takes the order; its answer comes now, later or never.
  void answer(const lease_order& o) {
    auto n = o.job.high();
    auto it = waiting.find(n);
    if (random.below(8) == 0)
      return; // The order was lost: it times out.
    if (it == waiting.end() || attempts[n] != o.after_attempt)
      return core.refused({o.job, o.stamp.number});
    attempt_id id{o.job, 1, ++attempts[n]};
    running[n] = {id, o.worker, it->second, o.stamp.worker_generation};
    waiting.erase(it);
    answers.push_back(
      {now + random.below(30) * 100ms, {id, o.worker, o.stamp}});
  }

  void deliver_answers() {
    std::erase_if(answers, [&](const auto& x) {
      if (x.first > now)
        return false;
      for (auto times = 1 + random.below(4) / 3; times > 0; --times)
        if (core.granted(x.second, now).lost)
          lose(x.second.id);
      return true;
    });
  }

  bool lives(const place& p) const {
    return generation.at(p.worker) == p.generation;
  }

  void end_some() {
    std::erase_if(running, [&](const auto& item) {
      const auto& p = item.second;
      if (random.below(3) != 0 || !lives(p))
        return false;
      for (auto times = 1 + random.below(4) / 3; times > 0; --times)
        core.freed(p.worker, p.id, 300ms);
      return true;
    });
  }

  seeded_rng random;
  dispatch_core core{{.lease_timeout = 2s, .gate_slack_jobs = 3}};
  mono_time now = t0;
  std::map<uint64_t, uint64_t> waiting; ///< Job to tenant.
  std::map<uint64_t, place> running;
  std::map<uint64_t, uint32_t> attempts;
  std::map<std::string, uint64_t> generation;
  std::vector<std::pair<mono_time, granted_lease>> answers;
};

} // namespace

TEST_CASE("the dispatcher converges whatever becomes of its messages",
          "[runtime][dispatch][property]") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    careless_world w{seed};
    w.announce();
    for (int steps = 0; !w.waiting.empty() || !w.running.empty(); ++steps) {
      REQUIRE(steps < 5000);
      w.now += 100ms;
      for (const auto& o : w.core.pick(w.now))
        w.answer(o);
      for (const std::string worker : {"a", "b"})
        REQUIRE(w.core.load(worker).value_or(0) <= w.places(worker) + 2);
      w.deliver_answers();
      w.end_some();
      if (w.random.below(60) == 0)
        w.die(w.random.below(2) == 0 ? "a" : "b");
      if (w.random.below(2) == 0)
        w.announce();
    }
    w.now += 10s;
    w.deliver_answers();
    w.announce();
    CHECK(w.core.pick(w.now).empty());
    CHECK(w.core.slots_free() == 5);
    CHECK(w.core.idle());
  }
}

TEST_CASE("a grant whose worker died under way is booked on no other worker",
          "[runtime][dispatch]") {
  dispatch_core core{{}};
  core.register_worker("a", 1, 1, {}, t0);
  core.announce(shard, {{"t", {head(1, 1)}}});
  auto first = core.pick(t0);
  REQUIRE(first.size() == 1);
  core.withdraw("a", 1);
  core.register_worker("b", 1, 1, {}, t0);
  // The same job is asked for again, for the other worker.
  auto second = core.pick(t0);
  REQUIRE(jobs_of(second) == std::vector<uint64_t>{1});
  CHECK(second[0].worker == "b");
  // The shard granted the first order and refuses the second.
  CHECK(core.granted({attempt(1), "a", first[0].stamp}, t0).lost);
  CHECK(core.slots_free() == 0);
  core.refused({job_id{1, 1}, second[0].stamp.number});
  CHECK(core.slots_free() == 1);
  CHECK(core.idle());
}

TEST_CASE(
  "a grant that comes after its order timed out takes the slot it names",
  "[runtime][dispatch]") {
  dispatch_core core{{}};
  core.register_worker("a", 1, 1, {}, t0);
  core.announce(shard, {{"t", {head(1, 1)}}});
  auto first = core.pick(t0);
  REQUIRE(first.size() == 1);
  core.register_worker("b", 1, 1, {}, t0);
  core.hold("a", worker_hold::ejected, true);
  auto second = core.pick(t0 + 2s);
  REQUIRE(second.size() == 1);
  REQUIRE(second[0].worker == "b");
  bool ended_before = GENERATE(false, true);
  if (ended_before)
    core.freed("a", attempt(1), 1s);
  CHECK_FALSE(core.granted({attempt(1), "a", first[0].stamp}, t0 + 2s).lost);
  core.refused({job_id{1, 1}, second[0].stamp.number});
  CHECK(core.load("a") == (ended_before ? 0 : 1));
  CHECK(core.load("b") == 0);
  core.freed("a", attempt(1), 1s);
  CHECK(core.idle());
}

TEST_CASE("with a lead as many jobs are ordered as there are places to wait",
          "[runtime][dispatch]") {
  dispatch_core core{{}};
  core.set_lead(0.25); // x = 1: two more than the four slots.
  core.register_worker("w", 1, 4, {}, t0);
  announced_queue q{"t", {}};
  for (uint64_t n = 1; n <= 10; ++n)
    q.heads.push_back(head(n, static_cast<int64_t>(n)));
  core.announce(shard, {q});
  auto orders = core.pick(t0);
  REQUIRE(jobs_of(orders) == std::vector<uint64_t>{1, 2, 3, 4, 5, 6});
  CHECK(core.slots_free() == 0);
  CHECK(core.ahead() == 2);
  for (const auto& o : orders)
    grant(core, o, t0);
  // Those that wait did not run when the worker dies.
  auto lost = core.withdraw("w", 1);
  REQUIRE(lost.size() == 6);
  for (size_t i = 0; i < lost.size(); ++i)
    CHECK(lost[i].ran == (i < 4));
}

TEST_CASE("a job that must be alone never waits at a worker",
          "[runtime][dispatch]") {
  dispatch_core core{{}};
  core.set_lead(1);
  core.register_worker("w", 1, 2, {}, t0);
  core.announce(shard, {{"t", {head(1, 1), head(2, 2, true)}}});
  auto orders = core.pick(t0);
  // Job 2 took the idle worker first: nothing joins it, not even in line.
  REQUIRE(jobs_of(orders) == std::vector<uint64_t>{2});
  grant(core, orders[0], t0);
  CHECK(core.pick(t0).empty());
  core.freed("w", attempt(2), 1s);
  CHECK(jobs_of(core.pick(t0)) == std::vector<uint64_t>{1});
}
