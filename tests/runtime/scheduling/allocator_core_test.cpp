#include "runtime/scheduling/allocator_core.hpp"

#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <limits>

namespace troupe::runtime {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr mono_time origin{1h};
constexpr double inf = std::numeric_limits<double>::infinity();

std::vector<pool_worker> serving(const std::vector<std::string>& models) {
  std::vector<pool_worker> workers;
  for (const auto& model : models)
    workers.push_back(
      {.worker = "w" + std::to_string(workers.size()), .model = model});
  return workers;
}

uint32_t count(const std::vector<pool_worker>& workers,
               const std::string& model) {
  return uint32_t(
    std::count_if(workers.begin(), workers.end(),
                  [&](const auto& w) { return w.model == model; }));
}

void carry_out(std::vector<pool_worker>& workers,
               const allocator_decision& move) {
  for (auto& worker : workers)
    if (worker.worker == move.worker)
      worker.model = move.to;
}

TEST_CASE("the idle model gives a worker to the busy one, then both hold",
          "[allocator]") {
  allocator_core core{{}};
  std::vector<pool_model> models{{.model = "a", .work_s = 40},
                                 {.model = "b", .work_s = 1}};
  auto workers = serving({"a", "b", "b"});
  auto move = core.decide(origin, models, workers);
  CHECK(move.reason == move_reason::gain);
  CHECK(move.from == "b");
  CHECK(move.to == "a");
  CHECK(move.receiver_drain_s == 40);
  CHECK(move.donor_drain_after_s == 1);
  CHECK(move.threshold_s == 2);
  carry_out(workers, move);
  // Half of the load time that is assumed before one was measured.
  CHECK(core.hold_until() == origin + 2500ms);
  CHECK(core.decide(origin, models, workers).reason == move_reason::holding);
  // b is down to its floor.
  CHECK(core.decide(origin + 3s, models, workers).reason
        == move_reason::no_donor);
}

TEST_CASE("a slow load asks for a larger gain", "[allocator]") {
  allocator_core core{{}};
  std::vector<pool_model> models{{.model = "a", .work_s = 10},
                                 {.model = "b", .work_s = 0}};
  auto workers = serving({"a", "b", "b"});
  core.load_finished("a", 40s);
  CHECK(core.decide(origin, models, workers).reason == move_reason::balanced);
  core.load_finished("a", 0s); // 28 s: the threshold is 7.
  CHECK(core.decide(origin, models, workers).moves());
  CHECK(core.hold_until() == origin + 14s);
}

TEST_CASE("who may not take a worker, and who may not give one",
          "[allocator]") {
  allocator_core core{{}};
  std::vector<pool_model> models{{.model = "a", .work_s = 100},
                                 {.model = "b", .work_s = 0}};
  auto workers = serving({"a", "b", "b"});
  SECTION("an open breaker") {
    models[0].breaker_open = true;
    auto decision = core.decide(origin, models, workers);
    CHECK_FALSE(decision.moves());
    CHECK(decision.to == "b");
  }
  SECTION("a ceiling") {
    models[0].workers_max = 1;
    CHECK_FALSE(core.decide(origin, models, workers).moves());
  }
  SECTION("more memory than the device has") {
    models[0].memory_bytes = 2;
    workers[1].memory_bytes = 1;
    CHECK(core.decide(origin, models, workers).reason == move_reason::no_donor);
    workers[2].memory_bytes = 2;
    CHECK(core.decide(origin, models, workers).worker == "w2");
  }
  SECTION("a donor over its limit") {
    models[1].work_s = 30;
    models[1].limit_s = 10;
    CHECK(core.decide(origin, models, workers).reason == move_reason::no_donor);
  }
  SECTION("workers that load") {
    workers[1].loading = workers[2].loading = true;
    CHECK(core.decide(origin, models, workers).reason == move_reason::no_donor);
  }
  SECTION("two failed loads, for two minutes") {
    core.load_failed("a", origin - 1s);
    core.load_failed("a", origin);
    CHECK_FALSE(core.decide(origin + 2min - 1ms, models, workers).moves());
    CHECK(core.decide(origin + 2min, models, workers).moves());
  }
  SECTION("but not after two failures with a success between them") {
    core.load_failed("a", origin);
    core.load_finished("a", 1s);
    core.load_failed("a", origin);
    CHECK(core.decide(origin, models, workers).moves());
  }
  SECTION("a worker of a model that is not the pool's") {
    workers = serving({"a", "foreign", "foreign"});
    CHECK(core.decide(origin, models, workers).reason == move_reason::no_donor);
  }
}

TEST_CASE("a floor is filled without a gain, idle workers first",
          "[allocator]") {
  allocator_core core{{}};
  std::vector<pool_model> models{{.model = "a", .work_s = 5},
                                 {.model = "b", .work_s = 0}};
  auto workers = serving({"a", "a", ""});
  auto move = core.decide(origin, models, workers);
  CHECK(move.reason == move_reason::floor);
  CHECK(move.to == "b");
  CHECK(move.worker == "w2");
}

TEST_CASE("experimental models live from surplus", "[allocator]") {
  allocator_core core{{}};
  std::vector<pool_model> models{
    {.model = "a", .work_s = 0, .limit_s = 10},
    {.model = "x", .kind = model_kind::experimental, .work_s = 100}};
  auto workers = serving(std::vector<std::string>(20, "a"));
  auto now = origin;
  for (int i = 0; i < 10; ++i, now += 10s)
    carry_out(workers, core.decide(now, models, workers));
  CHECK(count(workers, "x") == 2); // A tenth.
  SECTION("accurate over its limit takes them back") {
    models[0].work_s = 181;
  }
  SECTION("so does any open breaker") {
    models[1].breaker_open = true;
  }
  auto move = core.decide(now, models, workers);
  CHECK(move.reason == move_reason::withdrawal);
  for (int i = 0; i < 10; ++i, now += 10s)
    carry_out(workers, core.decide(now, models, workers));
  // 181 / 20 is within the limit again, and 181 / 19 too: one comes back.
  CHECK(count(workers, "x") <= 1);
}

TEST_CASE("a pool of none, and numbers that are none", "[allocator]") {
  allocator_core core{{}};
  CHECK(core.decide(origin, {}, {}).reason == move_reason::no_receiver);
  double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<pool_model> models{{.model = "a", .work_s = nan},
                                 {.model = "b", .work_s = -1}};
  auto workers = serving({"a", "a", "b"});
  workers[0].speed = nan;
  workers[2].speed = -inf;
  CHECK(core.decide(origin, models, workers).reason == move_reason::balanced);
  core.load_finished("a", duration::min());
  CHECK(core.load_s("a") == 0);
}

// --- Properties ---------------------------------------------------------------

struct pool {
  std::vector<pool_model> models;
  std::vector<pool_worker> workers;
};

pool random_pool(rng& random) {
  pool made;
  auto models = 2 + random.below(5);
  for (uint64_t i = 0; i < models; ++i)
    made.models.push_back(
      {.model = std::string(1, char('a' + i)),
       .kind = model_kind(1 + random.below(3)),
       .work_s = random.below(8) == 0 ? 0 : random.unit() * 200,
       .limit_s = 5 + random.unit() * 60,
       .workers_min = uint32_t(random.below(3)),
       .workers_max = uint32_t(random.below(3) * 6),
       .memory_bytes = random.below(4),
       .breaker_open = random.below(10) == 0});
  auto workers = 1 + random.below(30);
  for (uint64_t i = 0; i < workers; ++i)
    made.workers.push_back(
      {.worker = "w" + std::to_string(i),
       .model = made.models[random.below(models)].model,
       .speed = random.below(3) == 0 ? 1 + random.unit() * 7 : 1,
       .memory_bytes = 1 + random.below(4)});
  return made;
}

const pool_model& model_of(const pool& p, const std::string& name) {
  return *std::find_if(p.models.begin(), p.models.end(),
                       [&](const auto& m) { return m.model == name; });
}

void check_move(const pool& before, const allocator_decision& move) {
  const auto& to = model_of(before, move.to);
  const auto& from = model_of(before, move.from);
  REQUIRE(move.from != move.to);
  CHECK_FALSE(to.breaker_open);
  if (from.kind != model_kind::experimental)
    CHECK(count(before.workers, move.from) > from.workers_min);
  if (to.workers_max != 0)
    CHECK(count(before.workers, move.to) < to.workers_max);
  for (const auto& worker : before.workers)
    if (worker.worker == move.worker)
      CHECK(worker.memory_bytes >= to.memory_bytes);
  if (move.reason == move_reason::gain || move.reason == move_reason::surplus)
    CHECK(move.receiver_drain_s - move.donor_drain_after_s > move.threshold_s);
  if (to.kind == model_kind::experimental) {
    uint32_t share = 0;
    for (const auto& worker : before.workers)
      share += model_of(before, worker.model).kind == model_kind::experimental;
    CHECK(share + 1 <= before.workers.size() / 10);
    CHECK(move.donor_drain_after_s <= from.limit_s);
  }
}

TEST_CASE("constant load comes to rest, and every move keeps the rules",
          "[allocator]") {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    CAPTURE(seed);
    seeded_rng random{seed};
    auto p = random_pool(random);
    allocator_core core{{.load_initial_s = random.unit() * 20}};
    auto now = origin;
    auto held = mono_time::min();
    int moves = 0, quiet = 0;
    while (quiet < 60 && moves < 1000) {
      auto move = core.decide(now, p.models, p.workers);
      if (move.moves()) {
        REQUIRE(now >= held);
        check_move(p, move);
        carry_out(p.workers, move);
        held = core.hold_until();
        ++moves;
        quiet = 0;
      } else if (move.reason != move_reason::holding) {
        ++quiet;
      }
      now += 1s;
    }
    REQUIRE(moves < 200);
  }
}

TEST_CASE("changing load and a clock that stands still break no rule",
          "[allocator]") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    seeded_rng random{seed};
    auto p = random_pool(random);
    allocator_core core{{}};
    auto now = origin;
    int moves_now = 0;
    for (int tick = 0; tick < 500; ++tick) {
      for (auto& model : p.models)
        model.work_s = random.below(20) == 0 ? inf : random.unit() * 300;
      auto move = core.decide(now, p.models, p.workers);
      if (move.moves()) {
        check_move(p, move);
        carry_out(p.workers, move);
        REQUIRE(++moves_now == 1);
      }
      if (random.below(3) != 0) {
        now += 1s;
        moves_now = 0;
      }
    }
  }
}

} // namespace
} // namespace troupe::runtime
