// Budgets along the road of a job through the real actors, on virtual time.
#include "actors/queue_shard.hpp"
#include "models/simulated_engine.hpp"
#include "tests/support/virtual_node.hpp"

#include <caf/send.hpp>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

using namespace troupe;
using namespace std::chrono_literals;
using Catch::Approx;

namespace {

struct fixture {
  fixture() {
    models::simulated_config config{.service = models::service_kind::constant,
                                    .median_s = 0.2,
                                    .p95_s = 0.2,
                                    .tokens = 20,
                                    .seed = 1,
                                    .slots = 1};
    options.tree.shards = 4;
    options.tree.models.push_back(
      {.name = "sim",
       .kind = "simulated",
       .tasks = {runtime::task_kind::chat},
       .make_engine = [config] {
         return std::make_unique<models::simulated_engine>(config);
       }});
    auto rules = std::make_shared<runtime::queue_rules>();
    rules->prices["sim"] = 3;
    options.tree.shard.rules = rules;
    options.tenants = {{.name = "acme",
                        .budget = {.cost_per_minute = 0.000'06, .burst = 100},
                        .jobs_max = 50}};
    restart();
  }
  void restart() {
    auto start = node ? node->clock().now : runtime::mono_time{1h};
    node.reset();
    node = std::make_unique<tests::virtual_node>(store, options, start);
    node->settle();
  }

  uint64_t send(double predicted_s, double service_s,
                const std::string& tenant = "acme") {
    runtime::job_spec spec;
    spec.tenant = tenant;
    spec.model = "sim";
    spec.text = "x";
    spec.simulate = runtime::simulate_params{.service_s = service_s,
                                             .predicted_s = predicted_s};
    auto to = node->ticket();
    node->port().submit(std::move(spec), {}, to);
    return to.ticket;
  }
  std::optional<runtime::job_id> submit(double predicted_s, double service_s,
                                        const std::string& tenant = "acme") {
    auto ticket = send(predicted_s, service_s, tenant);
    node->settle();
    if (const auto* no = node->sink().last<runtime::refused>(ticket)) {
      refusal = *no;
      return std::nullopt;
    }
    const auto* ok = node->sink().last<runtime::job_accepted>(ticket);
    REQUIRE(ok != nullptr);
    return ok->job.record.id;
  }
  runtime::job_record cancel(runtime::job_id id) {
    auto to = node->ticket();
    node->port().cancel(id, "acme", "", to);
    node->settle();
    const auto* done = node->sink().last<runtime::job_snapshot>(to.ticket);
    REQUIRE(done != nullptr);
    return done->job.record;
  }
  runtime::job_record end_of(runtime::job_id id) {
    REQUIRE(node->run_until(
      [&] { return is_terminal(store.record(id)->status); }, 120s));
    return *store.record(id);
  }
  runtime::tenant_view acme() {
    return node->env().tenants.find("acme")->view(
      {node->clock().mono(), node->clock().wall()});
  }

  runtime::memory_store store;
  tests::virtual_node_options options;
  std::unique_ptr<tests::virtual_node> node;
  runtime::refused refusal;
};

} // namespace

TEST_CASE("a job holds its predicted cost, and pays for its work at the price",
          "[actors][tenants]") {
  fixture f;
  auto id = *f.submit(4, 2);
  CHECK(f.acme().level.reserved == Approx(12));
  CHECK(f.acme().level.remaining == Approx(88));
  CHECK(f.acme().jobs == 1);
  auto record = f.end_of(id);
  CHECK(record.usage.cost == Approx(6).margin(0.2));
  CHECK(record.budget_cost == Approx(12));
  CHECK(f.acme().level.reserved == 0);
  CHECK(f.acme().level.remaining == Approx(100 - record.usage.cost));
  CHECK(f.acme().jobs == 0);
  // Nobody else is charged, or refused.
  REQUIRE(f.submit(1000, 0.1, "default"));
  CHECK(f.acme().level.reserved == 0);
}

TEST_CASE(
  "cancelled before its start a job is free, later it pays for what ran",
  "[actors][tenants]") {
  fixture f;
  auto runs = *f.submit(5, 100);
  auto waits = *f.submit(5, 100);
  f.node->advance(2s);
  CHECK(f.cancel(waits).usage.cost == 0);
  CHECK(f.acme().level.reserved == Approx(15));
  auto ran = f.cancel(runs);
  CHECK(ran.usage.cost == Approx(6).margin(0.3));
  CHECK(f.acme().level.remaining == Approx(100 - ran.usage.cost));
  CHECK(f.acme().level.reserved == 0);
}

TEST_CASE(
  "a budget that is spent, and a tenant that does not exist, are refused",
  "[actors][tenants]") {
  fixture f;
  REQUIRE(f.submit(30, 100));
  CHECK_FALSE(f.submit(5, 1));
  CHECK(f.refusal.why.code == runtime::errc::quota_exceeded);
  REQUIRE(f.refusal.budget);
  CHECK(f.refusal.budget->required == Approx(15));
  CHECK(f.refusal.budget->remaining == Approx(10));
  CHECK(f.acme().jobs == 1);
  CHECK_FALSE(f.submit(1, 1, "nobody"));
  CHECK(f.refusal.why.code == runtime::errc::not_found);
}

TEST_CASE("an estimate says that the budget would refuse, and takes nothing",
          "[actors][tenants]") {
  fixture f;
  auto ask = [&](double predicted_s) {
    runtime::job_spec spec;
    spec.tenant = "acme";
    spec.model = "sim";
    spec.simulate = runtime::simulate_params{.predicted_s = predicted_s};
    auto to = f.node->ticket();
    f.node->port().estimate(std::move(spec), to);
    f.node->settle();
    const auto* found = f.node->sink().last<runtime::job_estimated>(to.ticket);
    REQUIRE(found != nullptr);
    return *found;
  };
  CHECK_FALSE(ask(30).refusal.has_value());
  CHECK(ask(30).price == 3);
  auto no = ask(34).refusal;
  REQUIRE(no.has_value());
  CHECK(no->why.code == runtime::errc::quota_exceeded);
  CHECK(f.acme().level.remaining == 100);
  CHECK(f.acme().jobs == 0);
}

TEST_CASE("a restart knows what was spent and what is held",
          "[actors][tenants]") {
  fixture f;
  auto spent = f.end_of(*f.submit(4, 2)).usage.cost;
  f.node->advance(2s); // The home shard has written it.
  auto live = *f.submit(10, 50);
  f.restart();
  CHECK(f.acme().jobs == 1);
  CHECK(f.acme().level.reserved == Approx(30));
  CHECK(f.acme().level.remaining == Approx(100 - spent - 30).margin(0.01));
  // The first attempt is lost, and free.
  auto record = f.end_of(live);
  CHECK(record.attempt == 2);
  CHECK(record.usage.cost == Approx(150).margin(3));
  CHECK(f.acme().level.remaining
        == Approx(100 - spent - record.usage.cost).margin(0.01));
  // It is overdrawn, and knows so.
  f.node->advance(2s);
  f.restart();
  CHECK(f.acme().level.remaining < -50);
  CHECK_FALSE(f.submit(0.1, 0.1));
}

TEST_CASE("a shard that dies neither forgets nor invents reservations",
          "[actors][tenants]") {
  fixture f;
  std::vector<runtime::job_id> ids;
  for (int i = 0; i < 8; ++i)
    ids.push_back(*f.submit(1, 100));
  CHECK(f.acme().level.reserved == Approx(24));
  // One more is on its way when their shard dies.
  f.send(1, 100);
  auto shard =
    f.node->env().directory.shard<actors::queue_shard_actor>(ids[0].shard());
  REQUIRE(shard);
  caf::anon_send_exit(shard, caf::exit_reason::kill);
  shard = nullptr;
  f.node->settle();
  f.node->advance(60s);
  INFO(f.node->states());
  auto view = f.acme();
  CHECK(view.jobs >= 8);
  CHECK(view.jobs <= 9);
  CHECK(view.level.reserved == Approx(3.0 * static_cast<double>(view.jobs)));
  for (auto id : ids)
    f.cancel(id);
  CHECK(f.acme().level.reserved
        == Approx(3.0 * static_cast<double>(view.jobs - 8)));
}

TEST_CASE("a tenant's jobs are counted where they end", "[actors][tenants]") {
  fixture f;
  std::vector<runtime::job_id> ids;
  for (int i = 0; i < 50; ++i)
    ids.push_back(*f.submit(0, 100));
  CHECK_FALSE(f.submit(0, 1));
  CHECK(f.refusal.why.code == runtime::errc::rate_limited);
  f.restart();
  CHECK_FALSE(f.submit(0, 1));
  f.cancel(ids[3]);
  CHECK(f.submit(0, 1));
}

TEST_CASE("a node that is full takes nothing, and what it has goes on",
          "[actors][memory]") {
  fixture f;
  auto id = *f.submit(1, 1);
  f.node->env().board.memory = runtime::memory_level::full;
  CHECK_FALSE(f.submit(1, 1));
  CHECK(f.refusal.why.code == runtime::errc::queue_full);
  CHECK(f.end_of(id).status == runtime::job_status::completed);
  f.node->env().board.memory = runtime::memory_level::tight;
  CHECK(f.submit(1, 1));
}

TEST_CASE("the node's memory is measured once a second", "[actors][memory]") {
  fixture f;
  auto held = std::make_shared<uint64_t>(10);
  f.options.tree.memory = {.bytes_max = 100,
                           .measure = [held] { return *held; }};
  f.restart();
  const auto& board = f.node->env().board;
  CHECK(board.memory == runtime::memory_level::normal);
  CHECK(board.memory_bytes == 10);
  CHECK(board.memory_bytes_max == 100);
  *held = 99;
  f.node->advance(1100ms);
  CHECK(board.memory == runtime::memory_level::full);
  CHECK_FALSE(f.submit(1, 1));
  *held = 95;
  f.node->advance(1s);
  CHECK(board.memory == runtime::memory_level::tight);
  CHECK(f.submit(1, 1));
}
