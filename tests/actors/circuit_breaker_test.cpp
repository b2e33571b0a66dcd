// A model's circuit breaker with the real actors around it, on virtual time.
#include "actors/circuit_breaker.hpp"
#include "actors/dispatcher.hpp"
#include "models/simulated_engine.hpp"
#include "tests/support/virtual_node.hpp"

#include <catch2/catch_test_macros.hpp>

#include <caf/send.hpp>

#include <algorithm>

using namespace troupe;
using namespace std::chrono_literals;
using runtime::breaker_state;
using runtime::job_status;

namespace {

cluster::tree_model simulated(uint32_t slots) {
  models::simulated_config config{.service = models::service_kind::constant,
                                  .median_s = 0.2,
                                  .p95_s = 0.2,
                                  .tokens = 20,
                                  .seed = 1,
                                  .slots = slots};
  return {.name = "sim",
          .kind = "simulated",
          .tasks = {runtime::task_kind::chat},
          .make_engine = [config] {
            return std::make_unique<models::simulated_engine>(config);
          }};
}

runtime::job_spec good(double service_s = 0.2) {
  runtime::job_spec s;
  s.model = "sim";
  s.text = "Package: foo";
  s.simulate = runtime::simulate_params{.service_s = service_s, .tokens = 20};
  return s;
}

runtime::job_spec failing(uint32_t attempts = 1) {
  auto s = good();
  s.max_attempts = attempts;
  s.simulate->fail_at_token = 1;
  return s;
}

struct fixture {
  explicit fixture(uint32_t slots = 4, uint64_t seed = 1) {
    options.tree.shards = 4;
    options.tree.models.push_back(simulated(slots));
    options.seed = seed;
    node = std::make_unique<tests::virtual_node>(store, options);
    node->settle();
  }

  uint64_t offer(runtime::job_spec s) {
    auto to = node->ticket();
    node->port().submit(std::move(s), {}, to);
    node->settle();
    return to.ticket;
  }
  const runtime::refused* refused(runtime::job_spec s) {
    return node->sink().last<runtime::refused>(offer(std::move(s)));
  }
  runtime::job_id submit(runtime::job_spec s) {
    const auto* ok =
      node->sink().last<runtime::job_accepted>(offer(std::move(s)));
    REQUIRE(ok != nullptr);
    return ok->job.record.id;
  }
  runtime::job_record get(runtime::job_id id) {
    return store.record(id).value();
  }
  bool ended(const std::vector<runtime::job_id>& ids) {
    return std::all_of(ids.begin(), ids.end(),
                       [this](auto id) { return is_terminal(get(id).status); });
  }
  bool run_to_end(const std::vector<runtime::job_id>& ids,
                  runtime::duration limit = 60s) {
    return node->run_until([&] { return ended(ids); }, limit);
  }
  runtime::breaker_line breaker() { return node->env().board.breaker("sim"); }
  breaker_state state() { return breaker().snapshot.state; }

  /// Ten failures in a row.
  void open_it() {
    std::vector<runtime::job_id> ids;
    for (int i = 0; i < 10; ++i)
      ids.push_back(submit(failing()));
    REQUIRE(run_to_end(ids));
    REQUIRE(state() == breaker_state::open);
  }
  void force(breaker_state state, runtime::duration ttl) {
    tell(actors::force_breaker{
      .state = state, .ttl = ttl, .reason = "a test", .reply = {}});
  }
  template <class Message>
  void tell(Message message) {
    auto b =
      node->env().directory.find<actors::circuit_breaker_actor>("breaker/sim");
    REQUIRE(b);
    caf::anon_send(b, std::move(message));
    node->settle();
  }
  /// False when nobody bears the name now.
  bool kill(const std::string& name) {
    auto victim = node->env().directory.find<caf::actor>(name);
    if (!victim)
      return false;
    caf::anon_send_exit(victim, caf::exit_reason::kill);
    node->settle();
    return true;
  }

  runtime::memory_store store;
  tests::virtual_node_options options;
  std::unique_ptr<tests::virtual_node> node;
};

} // namespace

TEST_CASE("a failing model is left alone; jobs wait, probe it, and go on",
          "[actors][breaker]") {
  fixture f;
  f.open_it();
  std::vector<runtime::job_id> waiting;
  for (int i = 0; i < 12; ++i)
    waiting.push_back(f.submit(good()));
  // Open for 10 s, less or more a fifth.
  f.node->advance(7s);
  for (auto id : waiting)
    CHECK(f.get(id).status == job_status::queued);
  CHECK(f.node->env().board.attempts_running == 0);
  REQUIRE(f.run_to_end(waiting, 10s));
  for (auto id : waiting)
    CHECK(f.get(id).status == job_status::completed);
  CHECK(f.state() == breaker_state::closed);
}

TEST_CASE("three probes at most run until they have shown their first tokens",
          "[actors][breaker]") {
  fixture f{16};
  f.open_it();
  std::vector<runtime::job_id> waiting;
  for (int i = 0; i < 16; ++i)
    waiting.push_back(f.submit(good(20)));
  int64_t most = 0;
  REQUIRE(f.node->run_until(
    [&] {
      if (f.state() == breaker_state::half_open)
        most = std::max<int64_t>(most, f.node->env().board.attempts_running);
      return f.state() == breaker_state::closed;
    },
    20s));
  CHECK(most == 3);
  f.node->advance(100ms);
  CHECK(f.node->env().board.attempts_running == 16);
  CHECK(f.run_to_end(waiting));
}

TEST_CASE("a probe that fails opens it again, for longer",
          "[actors][breaker]") {
  fixture f;
  f.open_it();
  auto id = f.submit(failing());
  REQUIRE(f.run_to_end({id}, 15s));
  auto line = f.breaker();
  CHECK(line.snapshot.state == breaker_state::open);
  CHECK(line.snapshot.openings == 2);
  CHECK(line.available_at - f.node->clock().now > 15s);
}

TEST_CASE("cancelled probes and those with bad input are no verdict",
          "[actors][breaker]") {
  fixture f;
  f.open_it();
  f.node->advance(13s);
  auto bad = failing();
  bad.simulate->fail_code = "invalid";
  bad.simulate->fail_at_token = 0; // Before a first token could speak for it.
  auto refused = f.submit(bad);
  REQUIRE(f.run_to_end({refused}, 5s));
  auto slow = f.submit(good(50));
  REQUIRE(f.node->run_until(
    [&] { return f.breaker().snapshot.probes_out == 1; }, 2s));
  auto to = f.node->ticket();
  f.node->port().cancel(slow, "default", "", to);
  f.node->settle();
  CHECK(f.state() == breaker_state::half_open);
  CHECK(f.breaker().snapshot.probes_out == 0);
  CHECK(f.breaker().snapshot.probes_good == 0);
}

TEST_CASE("who cannot wait is refused while it is open, who can is taken",
          "[actors][breaker]") {
  fixture f;
  f.open_it();
  auto urgent = good();
  urgent.deadline.total_timeout = 5s;
  const auto* no = f.refused(urgent);
  REQUIRE(no != nullptr);
  CHECK(no->why.code == runtime::errc::model_unavailable);
  CHECK(no->retry_after_s > 5);
  CHECK(no->retry_after_s <= 12);
  urgent.deadline = {.start_timeout = 5s, .total_timeout = 600s};
  CHECK(f.refused(urgent) != nullptr);
  urgent.deadline = {.total_timeout = 60s};
  CHECK(f.refused(urgent) == nullptr);
  CHECK(f.refused(good()) == nullptr);
  // Its time is over: whoever comes now is the probe.
  f.node->advance(13s);
  urgent.deadline = {.total_timeout = 5s};
  CHECK(f.refused(urgent) == nullptr);
}

TEST_CASE("an operator's order wins, and outlives the breaker",
          "[actors][breaker]") {
  fixture f;
  auto before = f.submit(good(5));
  f.force(breaker_state::open, 60s);
  CHECK(f.state() == breaker_state::open);
  CHECK(f.refused(good()) != nullptr); // Without a deadline, too.
  // What runs goes on.
  REQUIRE(f.run_to_end({before}, 10s));
  CHECK(f.get(before).status == job_status::completed);
  REQUIRE(f.kill("breaker/sim"));
  f.node->advance(2s);
  CHECK(f.state() == breaker_state::open);
  CHECK(f.breaker().reason == "a test");
  CHECK(f.refused(good()) != nullptr);
  f.node->advance(60s);
  auto after = f.submit(good());
  CHECK(f.run_to_end({after}));

  f.tell(actors::reset_breaker{.reason = "the next test", .reply = {}});
  f.open_it();
  f.force(breaker_state::closed, 60s);
  auto through = f.submit(good());
  CHECK(f.run_to_end({through}, 1s));
  f.tell(actors::reset_breaker{.reason = "all is well", .reply = {}});
  CHECK(f.state() == breaker_state::closed);
  CHECK(f.breaker().snapshot.cause == runtime::breaker_cause::none);
}

TEST_CASE("a successor starts half-open and closes after three good probes",
          "[actors][breaker]") {
  fixture f;
  REQUIRE(f.kill("breaker/sim"));
  f.node->advance(1s);
  CHECK(f.state() == breaker_state::half_open);
  CHECK(f.breaker().snapshot.cause == runtime::breaker_cause::restarted);
  std::vector<runtime::job_id> ids;
  for (int i = 0; i < 8; ++i)
    ids.push_back(f.submit(good()));
  REQUIRE(f.run_to_end(ids, 5s));
  CHECK(f.state() == breaker_state::closed);
}

TEST_CASE("the death of an open breaker does not let its jobs loose",
          "[actors][breaker]") {
  fixture f{16};
  f.open_it();
  std::vector<runtime::job_id> waiting;
  for (int i = 0; i < 16; ++i)
    waiting.push_back(f.submit(good(20)));
  REQUIRE(f.kill("breaker/sim"));
  CHECK(f.node->env().board.attempts_running == 0);
  f.node->advance(300ms);
  CHECK(f.node->env().board.attempts_running <= 3);
  CHECK(f.run_to_end(waiting, 120s));
}

TEST_CASE("a breaker that is given up is missed, but not for long",
          "[actors][breaker]") {
  fixture f;
  f.open_it();
  for (int i = 0; i < 200; ++i) {
    f.kill("breaker/sim");
    f.node->advance(100ms);
  }
  REQUIRE_FALSE(f.kill("breaker/sim"));
  auto id = f.submit(good());
  REQUIRE(f.run_to_end({id}, runtime::breaker_absence_max + 2s));
  CHECK(f.get(id).status == job_status::completed);
}

TEST_CASE("whoever is killed at any moment, no job is lost or run twice",
          "[actors][breaker]") {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    fixture f{4, seed};
    runtime::seeded_rng random{seed};
    std::vector<runtime::job_id> ids;
    for (int i = 0; i < 40; ++i) {
      ids.push_back(f.submit(random.unit() < 0.4 ? failing(2) : good()));
      f.node->advance(
        std::chrono::milliseconds{static_cast<int>(random.unit() * 100)});
      if (random.unit() < 0.1)
        f.kill("breaker/sim");
      if (random.unit() < 0.05)
        f.kill("dispatcher/sim");
    }
    REQUIRE(f.run_to_end(ids, 1h));
    for (auto id : ids) {
      auto record = f.get(id);
      auto events = f.store.events(id, 0, 1000).value();
      auto ends = std::count_if(events.begin(), events.end(), [](auto& e) {
        return std::holds_alternative<runtime::job_ended>(e.body);
      });
      CHECK(ends == 1);
      bool completed = record.status == job_status::completed;
      CHECK((completed || record.status == job_status::failed));
    }
    CHECK(f.node->env().board.live_jobs == 0);
    CHECK(f.node->env().letters.exceptions == 0);
  }
}

TEST_CASE("retries of a minute stay within a tenth of its first attempts",
          "[actors][retry]") {
  fixture f{8};
  std::vector<runtime::job_id> sound;
  for (int i = 0; i < 40; ++i)
    sound.push_back(f.submit(good()));
  REQUIRE(f.run_to_end(sound));
  std::vector<runtime::job_id> broken;
  for (int i = 0; i < 10; ++i)
    broken.push_back(f.submit(failing(2)));
  f.node->advance(20s);
  REQUIRE(f.state() == breaker_state::closed);
  auto repeated = [&] {
    return std::count_if(broken.begin(), broken.end(),
                         [&](auto id) { return f.get(id).attempt > 1; });
  };
  CHECK(repeated() == 5); // Of 50 first attempts.
  CHECK(f.node->env().board.retries_left("sim", f.node->clock().now) == 0);
  REQUIRE(f.run_to_end(broken, 10min));
  for (auto id : broken) {
    CHECK(f.get(id).attempt == 2);
    CHECK(f.get(id).status == job_status::failed);
  }
}
