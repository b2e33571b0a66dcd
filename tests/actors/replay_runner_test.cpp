// Replay runs through the real actors, on virtual time.
#include "gateway/actor_port.hpp"
#include "models/simulated_engine.hpp"
#include "tests/support/powered_store.hpp"
#include "tests/support/virtual_node.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace troupe;
using namespace std::chrono_literals;
using gateway::run_steering;
using runtime::job_id;
using runtime::letter_state;
using runtime::refused;
using runtime::replay_run;
using runtime::run_status;
using runtime::runs_listed;

namespace {

cluster::tree_model simulated() {
  models::simulated_config config{.service = models::service_kind::constant,
                                  .median_s = 0.2,
                                  .p95_s = 0.2,
                                  .tokens = 4,
                                  .seed = 1,
                                  .slots = 8};
  return {.name = "sim",
          .kind = "simulated",
          .tasks = {runtime::task_kind::chat},
          .make_engine = [config] {
            return std::make_unique<models::simulated_engine>(config);
          }};
}

constexpr auto mend = R"({"params":{"simulate":null}})";

/// A node with dead letters.
struct fixture {
  explicit fixture(size_t letters = 5) {
    options.tree.shards = 4;
    options.tree.models.push_back(simulated());
    restart();
    for (size_t i = 0; i < letters; ++i)
      dead.push_back(die({.fail_at_token = 1}));
  }
  void restart() {
    auto start = node ? node->clock().now : runtime::mono_time{1h};
    if (node) {
      store->cut_now();
      node.reset();
      store = std::make_unique<tests::powered_store>(store->contents());
    }
    node = std::make_unique<tests::virtual_node>(*store, options, start);
    node->settle();
  }
  job_id die(runtime::simulate_params how) {
    runtime::job_spec spec;
    spec.model = "sim";
    spec.text = how.crash ? "Package: deadly" : "Package: dead";
    spec.max_attempts = 1;
    spec.simulate = how;
    auto to = node->ticket();
    node->port().submit(spec, {}, to);
    node->settle();
    auto id =
      node->sink().last<runtime::job_accepted>(to.ticket)->job.record.id;
    REQUIRE(node->run_until(
      [&] { return is_terminal(store->record(id)->status); }, 60s));
    REQUIRE(store->record(id)->dead_letter);
    return id;
  }
  replay_run filter() {
    replay_run run{.tenant = "default", .edit = mend};
    run.rate_per_s = 100;
    return run;
  }
  std::optional<replay_run> answer(runtime::sink_ref to) {
    node->settle();
    const auto* found = node->sink().last<runs_listed>(to.ticket);
    if (!found || found->runs.empty())
      return std::nullopt;
    return found->runs.front();
  }
  job_id start(replay_run run) {
    auto to = node->ticket();
    node->port().start_run(std::move(run), to);
    auto made = answer(to);
    REQUIRE(made);
    return made->id;
  }
  replay_run steer(job_id id, run_steering what, double rate = 0) {
    auto to = node->ticket();
    node->port().steer_run(id, "default", what, rate, to);
    auto made = answer(to);
    REQUIRE(made);
    return *made;
  }
  replay_run run(job_id id) {
    auto to = node->ticket();
    node->port().list_runs("default", to);
    node->settle();
    const auto* all = node->sink().last<runs_listed>(to.ticket);
    if (all != nullptr)
      for (const auto& x : all->runs)
        if (x.id == id)
          return x;
    return {};
  }
  bool to_end(job_id id, runtime::duration limit = 120s) {
    return node->run_until([&] { return has_ended(run(id).status); }, limit);
  }
  /// How many jobs repeat each letter.
  size_t replays_of(job_id letter) {
    runtime::job_query all{.filter = {.all_tenants = true}, .limit = 100};
    size_t n = 0;
    auto page = store->list(all);
    for (const auto& x : page->records)
      n += x.replay_of == letter ? 1 : 0;
    return n;
  }
  void check_each_replayed_once() {
    for (auto id : dead) {
      CHECK(store->record(id)->letter == letter_state::replayed);
      CHECK(replays_of(id) == 1);
    }
  }

  std::unique_ptr<tests::powered_store> store =
    std::make_unique<tests::powered_store>();
  tests::virtual_node_options options;
  std::unique_ptr<tests::virtual_node> node;
  std::vector<job_id> dead;
};

} // namespace

TEST_CASE("a run replays every letter once and counts what came of it",
          "[actors][dlq]") {
  fixture f;
  auto id = f.start(f.filter());
  REQUIRE(f.to_end(id));
  CHECK(f.run(id).status == run_status::completed);
  CHECK(f.run(id).counts
        == runtime::run_counts{.matched = 5, .submitted = 5, .completed = 5});
  f.check_each_replayed_once();
  auto as = f.store->record(f.dead[0])->replayed_as;
  CHECK(f.store->record(*as)->tier == runtime::service_tier::flex);
  // Nothing is left for another.
  auto again = f.start(f.filter());
  REQUIRE(f.to_end(again));
  CHECK(f.run(again).counts.matched == 0);
}

TEST_CASE("a run keeps its rate", "[actors][dlq]") {
  fixture f{4};
  auto run = f.filter();
  run.rate_per_s = 0.5;
  auto id = f.start(run);
  f.node->advance(3s);
  auto early = f.run(id).counts.submitted;
  CHECK(early >= 1);
  CHECK(early <= 2);
  CHECK(f.steer(id, run_steering::rate, 100).rate_per_s == 100);
  f.node->advance(1s);
  CHECK(f.run(id).counts.submitted == 4);
}

TEST_CASE("what dies again is counted and is a letter again", "[actors][dlq]") {
  fixture f{2};
  auto run = f.filter();
  run.edit.clear();
  auto id = f.start(run);
  REQUIRE(f.to_end(id));
  CHECK(f.run(id).counts
        == runtime::run_counts{.matched = 2, .submitted = 2, .dead_again = 2});
}

TEST_CASE("poison, settled letters and bad edits are skipped",
          "[actors][dlq]") {
  fixture f{2};
  auto poison = f.die({.crash = true});
  REQUIRE(f.store->record(poison)->error->code == runtime::errc::poison);
  auto to = f.node->ticket();
  f.node->port().drop_letter(f.dead[0], "default", to);
  f.node->settle();
  auto by_ids = f.filter();
  by_ids.by_ids = true;
  by_ids.waiting = {f.dead[0], f.dead[1], poison,
                    job_id{f.dead[0].high(), f.dead[0].low() ^ 1}};
  auto id = f.start(by_ids);
  REQUIRE(f.to_end(id));
  CHECK(f.run(id).counts
        == runtime::run_counts{
          .matched = 4, .submitted = 1, .skipped = 3, .completed = 1});
  CHECK(f.store->record(poison)->letter == letter_state::dead);
  auto last = f.die({.fail_at_token = 1});
  auto wrong = f.filter();
  wrong.edit = R"({"params":{"temperature":"hot"}})";
  wrong.reasons = {runtime::letter_reason::attempts_exhausted};
  auto bad = f.start(wrong);
  REQUIRE(f.to_end(bad));
  CHECK(f.run(bad).counts == runtime::run_counts{.matched = 1, .skipped = 1});
  CHECK(f.store->record(last)->letter == letter_state::dead);
}

TEST_CASE("a run pauses, goes on and is cancelled", "[actors][dlq]") {
  fixture f;
  auto run = f.filter();
  run.rate_per_s = 1;
  auto id = f.start(run);
  f.node->advance(1500ms);
  CHECK(f.steer(id, run_steering::pause).status == run_status::paused);
  f.node->advance(100ms);
  auto at = f.run(id).counts.submitted;
  f.node->advance(60s);
  CHECK(f.run(id).counts.submitted == at);
  f.restart();
  CHECK(f.run(id).status == run_status::paused);
  CHECK(f.steer(id, run_steering::resume).status == run_status::running);
  f.node->advance(1500ms);
  auto later = f.run(id).counts.submitted;
  CHECK(later > at);
  CHECK(f.steer(id, run_steering::cancel).status == run_status::cancelled);
  f.node->advance(60s);
  CHECK(f.run(id).counts.submitted == later);
  CHECK(f.steer(id, run_steering::resume).status == run_status::cancelled);
}

TEST_CASE("a run survives a crash at any commit, and replays nothing twice",
          "[actors][dlq]") {
  for (uint64_t at = 0; at < 24; ++at)
    for (bool applied : {false, true}) {
      INFO("power cut at commit " << at << ", applied " << applied);
      fixture f{3};
      auto id = f.start(f.filter());
      f.store->cut_at(at, applied);
      (void)f.to_end(id, 10s);
      f.restart();
      REQUIRE(f.to_end(id));
      CHECK(f.run(id).counts.matched == 3);
      CHECK(f.run(id).counts.submitted == 3);
      CHECK(f.run(id).counts.completed == 3);
      f.check_each_replayed_once();
    }
}

TEST_CASE("a node that refuses work slows a run down and loses nothing",
          "[actors][dlq]") {
  fixture f{3};
  f.node->env().board.draining = true;
  auto id = f.start(f.filter());
  f.node->advance(5s);
  CHECK(f.run(id).counts.submitted == 0);
  auto deferred = f.run(id).counts.deferred;
  CHECK(deferred > 0);
  CHECK(deferred < 40);
  f.node->env().board.draining = false;
  REQUIRE(f.to_end(id));
  CHECK(f.run(id).counts.submitted == 3);
  f.check_each_replayed_once();
}

TEST_CASE("another tenant's run does not exist", "[actors][dlq]") {
  fixture f{1};
  auto id = f.start(f.filter());
  auto to = f.node->ticket();
  f.node->port().steer_run(id, "other", run_steering::cancel, 0, to);
  f.node->settle();
  CHECK(f.node->sink().last<refused>(to.ticket) != nullptr);
  auto list = f.node->ticket();
  f.node->port().list_runs("other", list);
  f.node->settle();
  CHECK(f.node->sink().last<runs_listed>(list.ticket)->runs.empty());
}
