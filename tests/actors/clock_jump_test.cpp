// Limits of jobs on a node whose wall clock is set while they wait and run.
#include "models/simulated_engine.hpp"
#include "tests/support/virtual_node.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <vector>

using namespace troupe;
using namespace std::chrono_literals;
using runtime::job_status;

namespace {

tests::virtual_node_options one_slow_slot() {
  tests::virtual_node_options options;
  options.tree.shards = 2;
  options.tree.models.push_back(
    {.name = "sim",
     .kind = "simulated",
     .tasks = {runtime::task_kind::chat},
     .make_engine = [] {
       return std::make_unique<models::simulated_engine>(
         models::simulated_config{.service = models::service_kind::constant,
                                  .median_s = 1,
                                  .p95_s = 1,
                                  .tokens = 20,
                                  .seed = 1,
                                  .slots = 1});
     }});
  return options;
}

struct fixture {
  fixture() { node.settle(); }
  runtime::job_id submit(runtime::duration total) {
    runtime::job_spec spec;
    spec.model = "sim";
    spec.text = "x";
    spec.deadline.total_timeout = total;
    auto to = node.ticket();
    node.port().submit(std::move(spec), {}, to);
    node.settle();
    const auto* ok = node.sink().last<runtime::job_accepted>(to.ticket);
    REQUIRE(ok != nullptr);
    return ok->job.record.id;
  }
  runtime::job_record get(runtime::job_id id) {
    auto to = node.ticket();
    node.port().get(id, "default", std::nullopt, to);
    node.settle();
    const auto* found = node.sink().last<runtime::job_snapshot>(to.ticket);
    REQUIRE(found != nullptr);
    return found->job.record;
  }
  bool ended(const std::vector<runtime::job_id>& ids) {
    return std::all_of(ids.begin(), ids.end(),
                       [&](auto id) { return is_terminal(get(id).status); });
  }

  runtime::memory_store store;
  tests::virtual_node node{store, one_slow_slot()};
};

} // namespace

TEST_CASE("jobs with and without limits end although the wall clock jumps",
          "[actors][clock][hostile]") {
  const auto jump = GENERATE(runtime::duration{2h}, runtime::duration{-2h});
  fixture f;
  std::vector<runtime::job_id> limited;
  std::vector<runtime::job_id> unlimited;
  for (int i = 0; i < 3; ++i) {
    unlimited.push_back(f.submit(0s));
    limited.push_back(f.submit(60s));
  }
  f.node.advance(1500ms);
  f.node.clock().skew = jump;
  // The limits of this one follow the clock as it is now.
  unlimited.push_back(f.submit(60s));
  REQUIRE(f.node.run_until(
    [&] { return f.ended(limited) && f.ended(unlimited); }, 3min));
  for (auto id : unlimited) {
    auto record = f.get(id);
    CHECK(record.status == job_status::completed);
    // What it took is told by a clock that does not jump.
    CHECK(record.timing.compute_us > 900'000);
  }
  for (const auto& all : {limited, unlimited})
    for (auto id : all) {
      auto record = f.get(id);
      CHECK(record.timing.queue_us >= 0);
      CHECK(record.timing.compute_us >= 0);
      CHECK(record.timing.delivery_us >= 0);
    }
}
