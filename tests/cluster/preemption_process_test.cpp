// A real node with one slot: a short job passes a long one that runs.
#include "tests/support/gateway_under_test.hpp"
#include "tests/support/mortal_node.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>

using troupe::tests::ask;
using troupe::tests::get_request;
using troupe::tests::mortal_node;
namespace bench = troupe::bench;
namespace json = boost::json;

namespace {

json::value job(double service_s, int tokens) {
  return {{"model", "sim"},
          {"input", "x"},
          {"params",
           {{"simulate",
             {{"service_s", service_s},
              {"tokens", tokens},
              {"predicted_s", service_s}}}}}};
}

const char* one_slot = "{ name: sim, backend: simulated, slots: 1 }";

} // namespace

TEST_CASE("short jobs pass a long generation, which loses nothing",
          "[process][preemption]") {
  mortal_node node{one_slot};
  auto long_id = node.submit(job(8, 80));
  REQUIRE(!long_id.empty());
  node.await_events(long_id, 5);
  for (int i = 0; i < 5; ++i) {
    auto began = bench::now();
    auto id = node.submit(job(0.1, 4));
    REQUIRE(!id.empty());
    CHECK(node.await_end(id).at("status") == "completed");
    CHECK(bench::to_seconds(bench::now() - began) < 2.0);
  }
  CHECK(node.get("/v1/jobs/" + long_id).at("status") == "in_progress");
  auto ended = node.await_end(long_id);
  CHECK(ended.at("status") == "completed");
  CHECK(ended.at("attempt") == 1);
  CHECK(ended.at("usage").at("output_tokens") == 80);
  troupe::tests::check_history(node, long_id);
  auto metrics = ask(node.admin_port(), get_request("/metrics")).body;
  CHECK(metrics.find("troupe_sched_preemptions_total{model=\"sim\"} 0")
        == std::string::npos);
}

TEST_CASE("with preemption off a short job waits", "[process][preemption]") {
  mortal_node node{std::string{one_slot}
                   + "\nscheduling: { preemption: { mode: off } }\n"};
  auto long_id = node.submit(job(3, 30));
  node.await_events(long_id, 5);
  auto id = node.submit(job(0.1, 4));
  CHECK(node.await_end(id).at("status") == "completed");
  CHECK(node.get("/v1/jobs/" + long_id).at("status") == "completed");
}

TEST_CASE("a node that is killed while an attempt is parked loses nothing",
          "[process][preemption][kill]") {
  mortal_node node{one_slot};
  auto long_id = node.submit(job(5, 50));
  node.await_events(long_id, 5);
  auto brief_id = node.submit(job(2, 20));
  node.await_events(brief_id, 5); // It has the slot.
  node.kill();
  node.start();
  for (const auto& id : {long_id, brief_id}) {
    CHECK(node.await_end(id).at("status") == "completed");
    troupe::tests::check_history(node, id);
  }
}
