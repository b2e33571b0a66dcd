// A real node whose queue fills: work is refused early, with numbers that hold,
// and an estimate says so beforehand.
#include "tests/support/gateway_under_test.hpp"
#include "tests/support/mortal_node.hpp"
#include "tests/support/raw_client.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>

#include <poll.h>

using troupe::tests::ask;
using troupe::tests::mortal_node;
using troupe::tests::post_request;
namespace bench = troupe::bench;
namespace json = boost::json;

namespace {

constexpr auto small_queue =
  "{ name: sim, backend: simulated, slots: 1 }\n"
  "scheduling: { classes: { interactive: { backlog_limit_s: 3 } } }";

std::string job(double seconds, const std::string& more = "") {
  auto s = std::to_string(seconds);
  return R"({"model":"sim","input":"x","class":"interactive",)" + more
         + R"("params":{"simulate":{"service_s":)" + s
         + R"(,"tokens":4,"predicted_s":)" + s + "}}}";
}

auto submit(const mortal_node& node, const std::string& body) {
  return ask(node.port(), post_request("/v1/jobs", body));
}

json::value estimate(const mortal_node& node, const std::string& body) {
  auto reply = ask(node.port(), post_request("/v1/estimate", body));
  INFO(reply.body);
  REQUIRE(reply.status == 200);
  return json::parse(reply.body);
}

/// Submits until the node refuses; how many it took.
int fill(const mortal_node& node, double seconds) {
  for (int taken = 0; taken < 100; ++taken)
    if (submit(node, job(seconds)).status != 202)
      return taken;
  return 100;
}

} // namespace

TEST_CASE("a full queue refuses in words, and the time it gives holds",
          "[cluster][admission][slow]") {
  mortal_node node{small_queue};
  node.await_ready();
  auto before = estimate(node, job(0.25));
  CHECK(before.at("admitted") == true);
  CHECK(before.at("reject").is_null());
  CHECK(before.at("queue_wait_s").at("p50") == 0);
  CHECK(before.at("cost").at("p50") == 0.25);

  // 3 s of work may wait in jobs of 0.25 s; some leave meanwhile.
  auto taken = fill(node, 0.25);
  CHECK(taken >= 11);
  CHECK(taken <= 40);
  auto full = estimate(node, job(0.25));
  INFO(full);
  CHECK(full.at("admitted") == false);
  CHECK(full.at("reject").at("type") == "/problems/queue-full");

  auto began = bench::now();
  auto refused = submit(node, job(0.25));
  auto took = bench::to_seconds(bench::now() - began);
  INFO(refused.body);
  REQUIRE(refused.status == 503);
  CHECK(took < 0.05);
  auto problem = json::parse(refused.body);
  CHECK(problem.at("type") == "/problems/queue-full");
  CHECK(problem.at("model") == "sim");
  CHECK(problem.at("queue_depth").to_number<int>() >= 8);
  CHECK(problem.at("estimated_wait_s").to_number<double>() > 3);
  CHECK(refused.field("x-should-retry") == "true");

  // A higher tier may queue behind more.
  CHECK(submit(node, job(0.25, R"("service_tier":"priority",)")).status == 202);

  auto wait = std::stoi(refused.field("retry-after"));
  REQUIRE(wait >= 1);
  REQUIRE(wait <= 4);
  ::poll(nullptr, 0, wait * 1000);
  CHECK(submit(node, job(0.25)).status == 202);
  CHECK(node.stop() == 0);
}

TEST_CASE("a job that cannot end in time is refused, or moved at the door",
          "[cluster][admission][slow]") {
  mortal_node node{"{ name: sim, backend: simulated, slots: 1, "
                   "fallbacks: [quick] }\n"
                   "  - { name: quick, backend: simulated, slots: 4 }"};
  node.await_ready();
  REQUIRE(submit(node, job(8)).status == 202);
  // What runs is known to all shards a second later.
  ::poll(nullptr, 0, 2'100);
  const std::string soon = R"("deadline":{"total_timeout_s":3},)";
  auto refused = submit(node, job(0.5, R"("degradation":"forbid",)" + soon));
  INFO(refused.body);
  REQUIRE(refused.status == 503);
  CHECK(json::parse(refused.body).at("type")
        == "/problems/deadline-unmeetable");
  CHECK(refused.field("x-should-retry") == "false");

  auto moved = submit(node, job(0.5, soon));
  INFO(moved.body);
  REQUIRE(moved.status == 202);
  auto id = json::value_to<std::string>(json::parse(moved.body).at("id"));
  auto ended = node.await_end(id);
  CHECK(ended.at("status") == "completed");
  CHECK(ended.at("degradation").at(0).at("kind") == "model");
  CHECK(ended.at("degradation").at(0).at("to") == "quick");
  troupe::tests::check_history(node, id);
  CHECK(node.stop() == 0);
}
