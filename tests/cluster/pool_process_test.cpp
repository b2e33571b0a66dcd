// A real node whose two models share a pool of workers.
#include "tests/support/gateway_under_test.hpp"
#include "tests/support/mortal_node.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>

#include <poll.h>

using troupe::tests::ask;
using troupe::tests::get_request;
using troupe::tests::mortal_node;
using troupe::tests::post_request;
namespace bench = troupe::bench;
namespace json = boost::json;

namespace {

/// Two models of one slot per worker and 0.2 s per job share four workers.
const std::string pool_of_two =
  "{ name: a, backend: simulated, slots: 1, pool: p, kind: fast, simulated: "
  "{ service: constant, median_s: 0.2, p95_s: 0.2, tokens: 4 } }\n"
  "  - { name: b, backend: simulated, slots: 1, pool: p, simulated: "
  "{ service: constant, median_s: 0.2, p95_s: 0.2, tokens: 4 } }\n"
  "pools: [ { name: p, workers: 4 } ]\n"
  "aliases: [ { name: any, models: [b, a] } ]\n"
  "scheduling: { accurate_high_s: 2, allocator: { gain_min_s: 0.5, "
  "gain_ratio: 0.1, drain_max_s: 5 } }\n";

/// The value of a series; -1: there is none.
double value_of(const mortal_node& node, const std::string& series) {
  auto text = ask(node.admin_port(), get_request("/metrics")).body;
  auto at = text.find("\n" + series + " ");
  if (at == std::string::npos)
    return -1;
  return std::stod(text.substr(at + series.size() + 2));
}

double workers(const mortal_node& node, const std::string& model) {
  return value_of(node, "troupe_alloc_workers{model=\"" + model
                          + "\",state=\"ready\"}");
}

double moves_in(const mortal_node& node, const std::string& model) {
  return value_of(node, "troupe_alloc_moves_total{direction=\"in\",model=\""
                          + model + "\"}");
}

std::vector<std::string> submit(mortal_node& node, const std::string& model,
                                int n) {
  std::vector<std::string> ids;
  for (int i = 0; i < n; ++i)
    ids.push_back(node.submit(json::value{{"model", model}, {"input", "x"}}));
  for (const auto& id : ids)
    REQUIRE(!id.empty());
  return ids;
}

void await_all(mortal_node& node, const std::vector<std::string>& ids) {
  for (const auto& id : ids)
    CHECK(node.await_end(id).at("status") == "completed");
}

template <class Done>
bool await(Done done, double limit_s) {
  const auto limit = bench::now() + bench::from_seconds(limit_s);
  while (bench::now() < limit) {
    if (done())
      return true;
    ::poll(nullptr, 0, 20);
  }
  return false;
}

} // namespace

TEST_CASE("a worker moves to the model with work, no further than the floor, "
          "and kill -9 loses nothing",
          "[cluster][allocator][slow]") {
  mortal_node node{pool_of_two};
  node.await_ready();
  REQUIRE(await([&] { return workers(node, "a") == 2; }, 20));
  CHECK(workers(node, "b") == 2);

  auto ids = submit(node, "a", 120); // 24 s of work: 12 s with two workers.
  REQUIRE(await([&] { return workers(node, "a") == 3; }, 20));
  CHECK(workers(node, "b") == 1);
  CHECK(moves_in(node, "a") == 1);
  CHECK(value_of(node, "troupe_alloc_load_seconds_count{model=\"a\"}") == 1);
  CHECK(value_of(node, "troupe_scale_desired_workers{model=\"a\"}") >= 1);
  INFO(node.log());
  CHECK(node.log().find("a worker moves") != std::string::npos);

  node.kill();
  node.start();
  node.await_ready();
  // Dealt anew, and moved again as long as there is work.
  await_all(node, ids);
  for (const auto& id : ids)
    troupe::tests::check_history(node, id);
  CHECK(workers(node, "a") + workers(node, "b") == 4);
  CHECK(workers(node, "b") >= 1);
  CHECK(moves_in(node, "a") <= 2);

  // The floor's worker still serves the other model.
  await_all(node, submit(node, "b", 2));
  CHECK(node.stop() == 0);
}

TEST_CASE("an alias's requests go where their intent says, and the record "
          "says so",
          "[cluster][intent][slow]") {
  mortal_node node{pool_of_two};
  node.await_ready();
  auto send = [&](const std::string& intent) {
    auto id = node.submit(
      json::value{{"model", "any"}, {"input", "x"}, {"intent", intent}});
    REQUIRE(!id.empty());
    return node.await_end(id);
  };
  auto fast = send("fast");
  CHECK(fast.at("model") == "a");
  CHECK(fast.at("model_used") == "a");
  CHECK(fast.at("alias") == "any");
  CHECK(fast.at("intent") == "fast");
  CHECK(send("accurate").at("model") == "b");
  CHECK(send("explore").at("model") == "b"); // Nothing to explore there.
  auto wrong =
    ask(node.port(), post_request("/v1/jobs", R"({"model":"any","input":"x",)"
                                              R"("intent":"best"})"));
  CHECK(wrong.status == 422);
  CHECK(wrong.body.find("explore") != std::string::npos);
  CHECK(node.get("/v1/models/b").at("troupe").at("aliases")
        == json::array{"any"});
  // Beyond accurate_high_s of due work the accurate model is spared.
  auto ids = submit(node, "b", 60);
  CHECK(await(
    [&] {
      auto id = node.submit(json::value{{"model", "any"}, {"input", "x"}});
      return node.get("/v1/jobs/" + id).at("model") == "a";
    },
    8));
  await_all(node, ids);
  CHECK(node.stop() == 0);
}
