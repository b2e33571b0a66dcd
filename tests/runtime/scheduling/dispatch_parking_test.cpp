// Attempts that leave their slots and return, as the dispatcher decides it.
#include "runtime/rng.hpp"
#include "runtime/scheduling/dispatch_core.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <map>
#include <set>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

constexpr shard_id shard{3};
constexpr mono_time t0{1h};

announced_head head(uint64_t n, int64_t key, double work_s = 10) {
  return {.id = job_id{n, n}, .key = key, .attempt = 0, .work_s = work_s};
}

attempt_id attempt(uint64_t n) {
  return {job_id{n, n}, 1, 1};
}

/// One worker whose slots run jobs 1, 2, ... with the given keys.
struct stage {
  explicit stage(std::vector<int64_t> keys, dispatch_settings settings = {})
    : core{std::move(settings)} {
    core.register_worker("w", 1, static_cast<uint32_t>(keys.size()), {}, t0);
    core.set_parking("w", 0us);
    announced_queue queue{.tenant = "t"};
    for (size_t i = 0; i < keys.size(); ++i)
      queue.heads.push_back(head(i + 1, keys[i]));
    core.announce(shard, {queue});
    lease_all(t0);
  }
  std::vector<uint64_t> lease_all(mono_time now) {
    std::vector<uint64_t> jobs;
    for (const auto& o : core.pick(now)) {
      core.granted({{o.job, 1, o.after_attempt + 1}, o.worker, o.stamp}, now);
      jobs.push_back(o.job.high());
    }
    return jobs;
  }
  dispatch_core core;
};

} // namespace

TEST_CASE("the largest key leaves its slot for a smaller one that waits",
          "[runtime][dispatch][preemption]") {
  stage s{{1000, 9000}};
  s.core.announce(shard, {{"t", {head(7, 5000, 1)}}});
  auto later = t0 + 60ms;
  CHECK(s.core.preempt(t0 + 49ms).empty()); // Not held for a slice yet.
  CHECK(s.core.preempt_due() == t0 + 50ms);
  CHECK(s.core.preempt(later)
        == std::vector<park_wish>{{"w", attempt(2), true}});
  CHECK(s.core.preempt(later).empty()); // One at a time.
  CHECK(s.lease_all(later).empty());    // It has the slot until it left.
  s.core.parked("w", attempt(2), 9000, later);
  CHECK(s.core.resume(later, false).empty()); // The waiting one goes first.
  CHECK(s.lease_all(later) == std::vector<uint64_t>{7});
  CHECK(s.core.resume(later, true).empty()); // No slot is free.
  CHECK(s.core.parked_now() == 1);
  CHECK_FALSE(s.core.idle());
  s.core.freed("w", attempt(7), 1s);
  CHECK(s.core.resume(later + 1s, false)
        == std::vector<resume_wish>{{"w", attempt(2)}});
  CHECK(s.core.slots_free() == 0);
  CHECK(s.core.parked_now() == 0);
  s.core.freed("w", attempt(2), 2s);
  s.core.freed("w", attempt(1), 2s);
  CHECK(s.core.idle());
}

TEST_CASE("a larger key waits, and a parked one returns before it",
          "[runtime][dispatch][preemption]") {
  stage s{{1000, 9000}};
  s.core.announce(shard, {{"t", {head(7, 9500)}}});
  CHECK(s.core.preempt(t0 + 1s).empty());
  CHECK_FALSE(s.core.preempt_due());
  s.core.announce(shard, {{"t", {head(6, 2000), head(7, 9500)}}});
  CHECK(s.core.preempt(t0 + 1s).empty()); // It looked just now.
  auto next = t0 + 1s + dispatch_core::search_interval;
  CHECK(s.core.preempt_due() == next);
  REQUIRE(s.core.preempt(next).size() == 1);
  s.core.parked("w", attempt(2), 9000, next);
  CHECK(s.lease_all(next) == std::vector<uint64_t>{6});
  s.core.freed("w", attempt(1), 1s);
  CHECK(s.core.resume(t0 + 2s, false).size() == 1);
  CHECK(s.lease_all(t0 + 2s).empty());
}

TEST_CASE("nobody leaves while a slot is free, or when it is off",
          "[runtime][dispatch][preemption]") {
  SECTION("a free slot") {
    stage s{{1000, 9000}};
    s.core.freed("w", attempt(1), 1s);
    s.core.announce(shard, {{"t", {head(7, 10)}}});
    CHECK(s.core.preempt(t0 + 1s).empty());
  }
  SECTION("off") {
    stage s{{1000, 9000}, {.preemption = {.enabled = false}}};
    s.core.announce(shard, {{"t", {head(7, 10)}}});
    CHECK(s.core.preempt(t0 + 1s).empty());
  }
}

TEST_CASE("a parked attempt ends with its worker, its job or its dispatcher",
          "[runtime][dispatch][preemption]") {
  stage s{{1000, 9000}};
  s.core.announce(shard, {{"t", {head(7, 5000)}}});
  REQUIRE(s.core.preempt(t0 + 1s).size() == 1);
  s.core.parked("w", attempt(2), 9000, t0 + 1s);
  SECTION("the worker dies: it did not run") {
    auto lost = s.core.withdraw("w", 1);
    REQUIRE(lost.size() == 2);
    CHECK(lost[0].ran);
    CHECK(lost[1].id == attempt(2));
    CHECK_FALSE(lost[1].ran);
    CHECK(s.core.parked_now() == 0);
  }
  SECTION("it is cancelled") {
    s.core.freed("w", attempt(2), 1s);
    CHECK(s.core.parked_now() == 0);
    CHECK(s.core.resume(t0 + 2s, true).empty());
  }
  SECTION("another dispatcher hears of it from the worker") {
    dispatch_core heir{{}};
    auto lost = heir.register_worker("w", 1, 2, {attempt(1)}, t0,
                                     {{.id = attempt(2), .key = 9000}});
    CHECK(lost.empty());
    CHECK(heir.parked_now() == 1);
    CHECK(heir.resume(t0, true) == std::vector<resume_wish>{{"w", attempt(2)}});
  }
  SECTION("the worker introduces itself again") {
    CHECK(s.core
            .register_worker("w", 1, 2, {attempt(1)}, t0,
                             {{.id = attempt(2), .key = 9000}})
            .empty());
    CHECK(s.core.parked_now() == 1);
  }
  SECTION("it found no slot on return") {
    CHECK(s.core.resume(t0 + 1s, true).size() == 1);
    s.core.parked("w", attempt(2), 9000, t0 + 1s);
    CHECK(s.core.parked_now() == 1);
    CHECK(s.core.slots_free() == 1);
  }
}

TEST_CASE("only so many caches are kept", "[runtime][dispatch][preemption]") {
  stage s{{1000, 9000}, {.preemption = {.parked_max = 1}}};
  s.core.announce(shard, {{"t", {head(7, 10), head(8, 20)}}});
  CHECK(s.core.preempt(t0 + 1s)
        == std::vector<park_wish>{{"w", attempt(2), true}});
  s.core.parked("w", attempt(2), 9000, t0 + 1s);
  CHECK(s.lease_all(t0 + 1s) == std::vector<uint64_t>{7});
  CHECK(s.core.preempt(t0 + 2s)
        == std::vector<park_wish>{{"w", attempt(1), false}});
}

TEST_CASE("one that found its slot free does not make others leave",
          "[runtime][dispatch][preemption]") {
  stage s{{1000, 9000}};
  s.core.set_lead(1); // Jobs may wait at the worker.
  s.core.announce(shard, {{"t", {head(3, 500)}}});
  REQUIRE(s.lease_all(t0 + 10ms) == std::vector<uint64_t>{3});
  // It comes to the worker after 1 ended, and starts at once.
  s.core.freed("w", attempt(1), 10ms);
  s.core.seat_waiting("w", t0 + 10ms);
  CHECK(s.core.preempt(t0 + 1s).empty());
  auto lost = s.core.withdraw("w", 1);
  REQUIRE(lost.size() == 2);
  CHECK(lost[0].ran);
  CHECK(lost[1].ran);
}

TEST_CASE("a request to leave that nobody heard is made again",
          "[runtime][dispatch][preemption]") {
  stage s{{1000, 9000}};
  s.core.announce(shard, {{"t", {head(7, 10)}}});
  REQUIRE(s.core.preempt(t0 + 1s).size() == 1);
  CHECK(s.core.preempt(t0 + 2900ms).empty());
  CHECK(s.core.preempt(t0 + 3s)
        == std::vector<park_wish>{{"w", attempt(2), true}});
}

TEST_CASE("no more leave than there are jobs worth it",
          "[runtime][dispatch][preemption]") {
  dispatch_core core{{}};
  announced_queue queue{.tenant = "t"};
  for (uint64_t n = 1; n <= 4; ++n) {
    auto worker = "w" + std::to_string(n);
    core.register_worker(worker, 1, 1, {}, t0);
    core.set_parking(worker, 0us);
    queue.heads.push_back(head(n, 1000 * static_cast<int64_t>(n)));
  }
  core.announce(shard, {queue});
  for (const auto& o : core.pick(t0))
    core.granted({{o.job, 1, o.after_attempt + 1}, o.worker, o.stamp}, t0);
  REQUIRE(core.slots_free() == 0);
  // Two are small, and all the others larger than what runs.
  auto expected = GENERATE(1u, 2u);
  queue.heads = {head(11, 10), head(12, expected == 2 ? 20 : 5000),
                 head(13, 6000), head(14, 7000)};
  core.announce(shard, {queue});
  auto wishes = core.preempt(t0 + 1s);
  REQUIRE(wishes.size() == expected);
  CHECK(wishes[0].id == attempt(4));
  // Those under way count.
  CHECK(core.preempt(t0 + 1s).empty());
}

TEST_CASE("a worker has to end what is parked there, too",
          "[runtime][dispatch][preemption]") {
  stage s{{1000, 9000}};
  s.core.announce(shard, {{"t", {head(7, 10)}}});
  REQUIRE(s.core.preempt(t0 + 1s).size() == 1);
  s.core.parked("w", attempt(2), 9000, t0 + 1s);
  CHECK(s.core.load("w") == 2);
  s.core.freed("w", attempt(1), 1s);
  CHECK(s.core.load("w") == 1);
  CHECK_FALSE(s.core.load("unknown"));
}

namespace {

/// A worker of some slots, its dispatcher and random jobs; what a wish says happens
/// at once.
class random_life {
public:
  explicit random_life(uint64_t seed)
    : r_{seed}, slots_{static_cast<uint32_t>(1 + r_.below(4))} {
    core_.register_worker("w", 1, slots_, {}, t0);
    core_.set_parking("w", duration{static_cast<int64_t>(r_.below(2000))});
  }

  void step(bool arrivals) {
    now_ += duration{static_cast<int64_t>(r_.below(40'000))};
    if (arrivals && r_.below(12 / slots_) == 0)
      waiting_[next_++] = {.key = static_cast<int64_t>(r_.below(1'000'000)),
                           .left =
                             duration{static_cast<int64_t>(r_.below(400'000))}};
    work();
    announce();
    resume(false);
    lease();
    announce();
    resume(true);
    park();
  }

  void check_over() const {
    CHECK(running_.empty());
    CHECK(parked_.empty());
    CHECK(waiting_.empty());
    CHECK(ended_.size() == next_ - 1);
    CHECK(core_.idle());
    CHECK(parks_ > 10);
  }

private:
  struct job {
    int64_t key = 0;
    duration left{0};
  };

  void work() {
    for (auto it = running_.begin(); it != running_.end();) {
      it->second.left -= 20ms;
      if (it->second.left > 0us) {
        ++it;
        continue;
      }
      REQUIRE(ended_.insert(it->first).second);
      core_.freed("w", it->first, 100ms);
      it = running_.erase(it);
    }
  }

  void announce() {
    announced_queue queue{.tenant = "t"};
    std::vector<std::pair<int64_t, uint64_t>> order;
    for (const auto& [n, j] : waiting_)
      order.emplace_back(j.key, n);
    std::sort(order.begin(), order.end());
    for (size_t i = 0; i < std::min<size_t>(order.size(), 3); ++i)
      queue.heads.push_back(
        head(order[i].second, order[i].first, r_.unit() * 20));
    core_.announce(shard, {queue});
  }

  void resume(bool rest) {
    for (const auto& x : core_.resume(now_, rest)) {
      auto node = parked_.extract(x.id);
      REQUIRE_FALSE(node.empty());
      running_.insert(std::move(node));
      REQUIRE(running_.size() <= slots_);
    }
  }

  void lease() {
    for (const auto& o : core_.pick(now_)) {
      auto n = o.job.high();
      attempt_id id{o.job, 1, o.after_attempt + 1};
      core_.granted({id, o.worker, o.stamp}, now_);
      running_.emplace(id, waiting_.at(n));
      waiting_.erase(n);
      REQUIRE(running_.size() <= slots_);
    }
  }

  void park() {
    for (const auto& x : core_.preempt(now_)) {
      auto node = running_.extract(x.id);
      REQUIRE_FALSE(node.empty());
      // Somebody with a smaller key is there to have the slot.
      REQUIRE(std::any_of(waiting_.begin(), waiting_.end(), [&](const auto& j) {
        return j.second.key < node.mapped().key;
      }));
      ++parks_;
      core_.parked("w", x.id, node.mapped().key, now_);
      parked_.insert(std::move(node));
    }
  }

  seeded_rng r_;
  uint32_t slots_;
  dispatch_core core_{{}};
  mono_time now_ = t0;
  std::map<uint64_t, job> waiting_;
  std::map<attempt_id, job> running_;
  std::map<attempt_id, job> parked_;
  std::set<attempt_id> ended_;
  uint64_t next_ = 1;
  uint64_t parks_ = 0;
};

} // namespace

TEST_CASE("whatever comes, slots hold, nobody is parked twice and all end",
          "[runtime][dispatch][preemption][property]") {
  random_life life{GENERATE(range(uint64_t{1}, uint64_t{41}))};
  for (int step = 0; step < 6000; ++step)
    life.step(step < 4000);
  life.check_over();
}
