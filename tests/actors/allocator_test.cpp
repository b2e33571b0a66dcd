// A pool of workers that two models share, with the real actors around the
// allocator, on virtual time.
#include "actors/allocator.hpp"
#include "models/simulated_engine.hpp"
#include "tests/support/virtual_node.hpp"

#include <catch2/catch_test_macros.hpp>

#include <caf/send.hpp>

#include <algorithm>
#include <array>

using namespace troupe;
using namespace std::chrono_literals;
using runtime::job_status;

namespace {

constexpr size_t pool_workers = 4;

cluster::tree_model member(const std::string& name, const std::string& pool) {
  models::simulated_config config{.service = models::service_kind::constant,
                                  .median_s = 1,
                                  .p95_s = 1,
                                  .tokens = 20,
                                  .seed = 1,
                                  .slots = 1};
  return {.name = name,
          .kind = "simulated",
          .tasks = {runtime::task_kind::chat},
          .workers = pool.empty() ? 2 : pool_workers,
          .pool = pool,
          .prior = {.service = {.output_token_s = 0.05}, .output_tokens = 20},
          .make_engine = [config] {
            return std::make_unique<models::simulated_engine>(config);
          }};
}

runtime::job_spec job(const std::string& model, double service_s = 1) {
  runtime::job_spec s;
  s.model = model;
  s.text = "Package: foo";
  s.simulate = runtime::simulate_params{.service_s = service_s, .tokens = 20};
  return s;
}

struct fixture {
  explicit fixture(uint64_t seed = 1, runtime::duration drain_max = 60s,
                   uint32_t floor_of_b = 1) {
    options.tree.shards = 4;
    options.tree.models = {member("a", "gpu"), member("b", "gpu"),
                           member("own", "")};
    options.tree.pools.push_back(
      {.name = "gpu",
       .workers = pool_workers,
       .models = {{.name = "a"}, {.name = "b", .workers_min = floor_of_b}},
       .drain_max = drain_max});
    options.seed = seed;
    node = std::make_unique<tests::virtual_node>(store, options);
    node->settle();
  }

  runtime::job_id submit(runtime::job_spec s) {
    auto to = node->ticket();
    node->port().submit(std::move(s), {}, to);
    node->settle();
    const auto* ok = node->sink().last<runtime::job_accepted>(to.ticket);
    REQUIRE(ok != nullptr);
    return ok->job.record.id;
  }
  std::vector<runtime::job_id> submit(const std::string& model, int n,
                                      double service_s = 1) {
    std::vector<runtime::job_id> ids;
    for (int i = 0; i < n; ++i)
      ids.push_back(submit(job(model, service_s)));
    return ids;
  }
  runtime::job_record get(runtime::job_id id) {
    return store.record(id).value();
  }
  bool run_to_end(const std::vector<runtime::job_id>& ids,
                  runtime::duration limit = 600s) {
    return node->run_until(
      [&] {
        return std::all_of(ids.begin(), ids.end(), [this](auto id) {
          return is_terminal(get(id).status);
        });
      },
      limit);
  }
  bool up(const std::string& model, size_t slot) {
    return node->env().directory.find<caf::actor>(
             actors::directory::worker_name(model, slot))
           != nullptr;
  }
  size_t workers(const std::string& model) {
    size_t n = 0;
    for (size_t i = 0; i < pool_workers; ++i)
      n += up(model, i) ? 1 : 0;
    return n;
  }
  /// No slot has a worker of both models.
  bool exclusive() {
    for (size_t i = 0; i < pool_workers; ++i)
      if (up("a", i) && up("b", i))
        return false;
    return true;
  }
  uint32_t slots(const std::string& model) {
    for (const auto& line : node->env().board.models())
      if (line.name == model)
        return line.slots;
    return 0;
  }
  bool kill(const std::string& name) {
    auto victim = node->env().directory.find<caf::actor>(name);
    if (!victim)
      return false;
    caf::anon_send_exit(victim, caf::exit_reason::kill);
    node->settle();
    return true;
  }
  size_t ends(runtime::job_id id) {
    auto events = store.events(id, 0, 1000).value();
    return static_cast<size_t>(
      std::count_if(events.begin(), events.end(), [](auto& e) {
        return std::holds_alternative<runtime::job_ended>(e.body);
      }));
  }

  runtime::memory_store store;
  tests::virtual_node_options options;
  std::unique_ptr<tests::virtual_node> node;
};

} // namespace

TEST_CASE("a pool's workers are dealt evenly and others keep their own",
          "[actors][allocator]") {
  fixture f;
  CHECK(f.workers("a") == 2);
  CHECK(f.workers("b") == 2);
  CHECK(f.slots("own") == 2);
  CHECK(f.exclusive());
  // Without work nothing moves.
  f.node->advance(60s);
  CHECK(f.workers("a") == 2);
  auto ids = f.submit("own", 4);
  CHECK(f.run_to_end(ids, 5s));
}

TEST_CASE("a worker goes to the model with work, down to the floor, and its "
          "jobs end there",
          "[actors][allocator]") {
  fixture f;
  auto ids = f.submit("a", 80);
  REQUIRE(f.node->run_until([&] { return f.workers("a") == 3; }, 10s));
  CHECK(f.workers("b") == 1);
  CHECK(f.node->run_until([&] { return f.slots("a") == 3; }, 5s));
  auto now = f.node->clock().now;
  REQUIRE(f.run_to_end(ids));
  // 80 s of work: 40 s with two workers.
  CHECK(f.node->clock().now - now < 30s);
  CHECK(f.workers("b") == 1); // The floor held.
  for (auto id : ids)
    CHECK(f.get(id).status == job_status::completed);
  // Then the other way.
  ids = f.submit("b", 80);
  REQUIRE(f.node->run_until([&] { return f.workers("b") == 3; }, 30s));
  CHECK(f.workers("a") == 1);
  CHECK(f.run_to_end(ids));
  CHECK(f.exclusive());
}

TEST_CASE("a model without a floor may lose its last worker, and gets one "
          "again for its next job",
          "[actors][allocator]") {
  fixture f{1, 60s, 0};
  auto ids = f.submit("a", 120);
  REQUIRE(f.node->run_until([&] { return f.workers("a") == 4; }, 30s));
  CHECK(f.slots("b") == 0);
  auto late = f.submit("b", 1);
  REQUIRE(f.run_to_end(late, 30s));
  CHECK(f.get(late.front()).status == job_status::completed);
  CHECK(f.run_to_end(ids));
}

TEST_CASE("a worker that is to move finishes what it runs and takes nothing "
          "new",
          "[actors][allocator]") {
  fixture f;
  auto running = f.submit("b", 2, 8);
  f.node->settle();
  auto ids = f.submit("a", 80);
  f.node->advance(3s);
  auto late = f.submit("b", 2, 1);
  REQUIRE(f.run_to_end(running, 20s));
  for (auto id : running) {
    CHECK(f.get(id).status == job_status::completed);
    CHECK(f.get(id).attempt == 1);
  }
  REQUIRE(f.node->run_until([&] { return f.workers("a") == 3; }, 5s));
  CHECK(f.run_to_end(late));
  CHECK(f.run_to_end(ids));
}

TEST_CASE("what takes too long to finish goes on elsewhere, uncharged",
          "[actors][allocator]") {
  fixture f{1, 2s};
  auto running = f.submit("b", 2, 60);
  auto ids = f.submit("a", 80);
  REQUIRE(f.node->run_until([&] { return f.workers("a") == 3; }, 10s));
  REQUIRE(f.run_to_end(running));
  uint32_t attempts = 0;
  for (auto id : running) {
    auto record = f.get(id);
    CHECK(record.status == job_status::completed);
    CHECK(record.charged == 0);
    CHECK(record.solo_crashes == 0);
    CHECK_FALSE(record.suspect);
    attempts += record.attempt;
  }
  CHECK(attempts == 3);
  CHECK(f.run_to_end(ids));
}

TEST_CASE("constant load moves a few workers and then none",
          "[actors][allocator]") {
  fixture f;
  std::vector<runtime::job_id> ids;
  size_t moves = 0, late_moves = 0, before = f.workers("a");
  for (int i = 0; i < 300; ++i) {
    // Three workers' worth for a, half of one for b.
    for (int k = 0; k < 2; ++k)
      ids.push_back(f.submit(job("a", 1)));
    if (i % 2 == 0)
      ids.push_back(f.submit(job("b", 1)));
    f.node->advance(1s);
    auto now = f.workers("a");
    moves += now != before ? 1 : 0;
    late_moves += now != before && i >= 150 ? 1 : 0;
    before = now;
    REQUIRE(f.exclusive());
    REQUIRE(f.workers("a") + f.workers("b") <= pool_workers);
  }
  CHECK(moves <= 8);
  CHECK(late_moves <= 2);
  CHECK(f.run_to_end(ids));
}

TEST_CASE("whoever is killed while workers move, no job is lost and no worker "
          "serves two models",
          "[actors][allocator]") {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    INFO("seed " << seed);
    fixture f{seed, 3s};
    runtime::seeded_rng random{seed};
    std::vector<runtime::job_id> ids;
    constexpr std::array victims{"allocator/gpu", "dispatcher/a",
                                 "dispatcher/b",  "worker/a/0",
                                 "worker/b/3",    "worker/b/2"};
    uint32_t kills = 0;
    for (int i = 0; i < 60; ++i) {
      auto model = i % 20 < 10 ? "a" : "b";
      for (int k = 0; k < 5; ++k)
        ids.push_back(f.submit(job(model, random.unit() * 4)));
      f.node->advance(
        std::chrono::milliseconds{static_cast<int>(random.unit() * 1'500)});
      auto victim = static_cast<size_t>(random.unit() * victims.size());
      if (random.unit() < 0.15)
        kills += f.kill(victims[victim]) ? 1 : 0;
      REQUIRE(f.exclusive());
    }
    CHECK(kills > 0);
    REQUIRE(f.node->run_until(
      [&] { return f.node->env().board.live_jobs == 0; }, 2h));
    for (auto id : ids) {
      CHECK(f.ends(id) == 1);
      CHECK(f.get(id).status == job_status::completed);
    }
    CHECK(f.node->env().letters.exceptions == 0);
    f.node->advance(60s);
    CHECK(f.workers("a") + f.workers("b") == pool_workers);
    CHECK(f.exclusive());
  }
}
