// Jobs that leave their slot, or their model, while they run: through the real
// actors, on virtual time.
#include "tests/actors/road_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace troupe;
using namespace std::chrono_literals;
using runtime::job_status;
using tests::road_fixture;

TEST_CASE("a short job does not wait for a long one, which goes on afterwards",
          "[actors][preemption]") {
  road_fixture x{1};
  auto long_spec = x.spec();
  long_spec.simulate =
    runtime::simulate_params{.service_s = 20, .tokens = 200, .predicted_s = 20};
  auto long_id = x.submit(long_spec);
  x.pass(5s);
  REQUIRE(x.get(long_id).status == job_status::in_progress);
  auto brief = x.spec();
  brief.simulate =
    runtime::simulate_params{.service_s = 0.1, .tokens = 2, .predicted_s = 0.1};
  auto before = x.node->clock().now;
  auto brief_id = x.submit(brief);
  REQUIRE(x.run_to_end(brief_id));
  CHECK(x.get(brief_id).status == job_status::completed);
  CHECK(x.node->clock().now - before < 1s);
  auto during = x.get(long_id);
  CHECK(during.status == job_status::in_progress); // As if nothing had been.
  CHECK(during.attempt == 1);
  REQUIRE(x.run_to_end(long_id));
  auto after = x.get(long_id);
  CHECK(after.status == job_status::completed);
  CHECK(after.attempt == 1);
  CHECK(after.usage.output_tokens == 200);
  // Its compute is what it had of the slot, without the pause.
  CHECK(after.timing.compute_us > 19'900'000);
  CHECK(after.timing.compute_us < 20'060'000);
}

TEST_CASE(
  "a short job that comes just after a long one began waits for a slice",
  "[actors][preemption]") {
  road_fixture x{1};
  auto long_spec = x.spec();
  long_spec.simulate =
    runtime::simulate_params{.service_s = 5, .tokens = 50, .predicted_s = 5};
  auto long_id = x.submit(long_spec);
  x.pass(5ms);
  REQUIRE(x.get(long_id).status == job_status::in_progress);
  auto brief = x.spec();
  brief.simulate =
    runtime::simulate_params{.service_s = 0.1, .tokens = 2, .predicted_s = 0.1};
  auto before = x.node->clock().now;
  auto brief_id = x.submit(brief);
  REQUIRE(x.run_to_end(brief_id));
  // 50 ms of the long one's, its own 100 ms, and the hops.
  CHECK(x.node->clock().now - before < 250ms);
  REQUIRE(x.run_to_end(long_id));
}

TEST_CASE("a job ends as it should although its attempt is parked",
          "[actors][preemption]") {
  auto how = GENERATE(0, 1, 2);
  CAPTURE(how);
  road_fixture x{1};
  auto long_spec = x.spec();
  long_spec.simulate =
    runtime::simulate_params{.service_s = 20, .tokens = 200, .predicted_s = 20};
  if (how == 1)
    long_spec.deadline.total_timeout = 8s;
  auto long_id = x.submit(long_spec);
  x.pass(5s);
  std::vector<runtime::job_id> others;
  auto next = x.spec();
  next.simulate =
    runtime::simulate_params{.service_s = 6, .tokens = 6, .predicted_s = 0.5};
  others.push_back(x.submit(next));
  x.pass(1s);
  if (how == 0) {
    auto to = x.node->ticket();
    x.node->port().cancel(long_id, "default", "no more", to);
    x.node->settle();
    CHECK(x.get(long_id).status == job_status::cancelled);
  } else if (how == 1) {
    REQUIRE(x.run_to_end(long_id, 4s));
    CHECK(x.get(long_id).status == job_status::incomplete);
    CHECK(x.get(long_id).finish == runtime::finish_reason::deadline);
  } else {
    x.restart(); // Both are lost with the node, and go on.
    REQUIRE(x.run_to_end(long_id, 60s));
    CHECK(x.get(long_id).status == job_status::completed);
    CHECK(x.get(long_id).usage.output_tokens == 200);
  }
  for (auto id : others) {
    REQUIRE(x.run_to_end(id));
    CHECK(x.get(id).status == job_status::completed);
  }
  // The slot is free for whoever comes.
  auto last = x.submit(x.spec());
  REQUIRE(x.run_to_end(last, 2s));
}

TEST_CASE("a running job that would end too late goes on at a faster model",
          "[actors][ladder][cutover]") {
  auto action = GENERATE(runtime::deadline_action::cutover,
                         runtime::deadline_action::partial);
  road_fixture x{"slow", "swift"};
  x.options.tree.models[0].make_engine = [] {
    return std::make_unique<models::simulated_engine>(
      models::simulated_config{.service = models::service_kind::constant,
                               .median_s = 20,
                               .p95_s = 20,
                               .tokens = 20,
                               .seed = 1,
                               .slots = 1});
  };
  x.restart();
  auto spec = x.spec();
  spec.model = "slow";
  // It said it would be quick, and is not.
  spec.simulate = runtime::simulate_params{.predicted_s = 1};
  spec.deadline = {.total_timeout = 8s, .action = action};
  auto id = x.submit(spec);
  REQUIRE(x.run_to_end(id, 30s));
  auto record = x.get(id);
  CHECK(record.status
        == (action == runtime::deadline_action::cutover
              ? job_status::completed
              : job_status::incomplete));
  if (action == runtime::deadline_action::partial) {
    CHECK(record.degradations.empty());
    return;
  }
  REQUIRE(record.degradations.size() == 1);
  const auto& down = record.degradations.front();
  CHECK(down.kind == runtime::degradation_kind::model);
  CHECK(down.from == "slow");
  CHECK(down.to == "swift");
  CHECK(down.at_offset > 0); // It had written something.
  CHECK(record.model_used == "swift");
  CHECK(record.attempt == 2);
  CHECK(record.usage.output_tokens == 20);
}

TEST_CASE("a pause does not make a running job look slow",
          "[actors][preemption][cutover]") {
  road_fixture x{"slow", "swift"};
  auto spec = x.spec();
  spec.model = "slow";
  spec.simulate =
    runtime::simulate_params{.service_s = 8, .tokens = 40, .predicted_s = 8};
  spec.params.max_output_tokens = 40;
  spec.deadline = {.total_timeout = 26s,
                   .action = runtime::deadline_action::cutover};
  auto id = x.submit(spec);
  x.pass(3s);
  auto next = x.spec();
  next.model = "slow";
  next.tier = runtime::service_tier::priority;
  next.deadline.total_timeout = 20s; // Sooner than the other's.
  next.simulate =
    runtime::simulate_params{.service_s = 12, .tokens = 12, .predicted_s = 0.5};
  auto passing = x.submit(next);
  REQUIRE(x.run_to_end(passing, 20s));
  REQUIRE(x.run_to_end(id, 30s));
  auto record = x.get(id);
  REQUIRE(record.timing.queue_us > 11'000'000); // It was parked.
  CHECK(record.status == job_status::completed);
  CHECK(record.degradations.empty());
  CHECK(record.attempt == 1);
  CHECK(record.usage.output_tokens == 40);
}
