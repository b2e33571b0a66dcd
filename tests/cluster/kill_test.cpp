// Real nodes that are killed with SIGKILL in the middle of their work. What was
// acknowledged must be there afterwards, and end exactly once.
#include "tests/support/mortal_node.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>

#include <set>

using troupe::tests::check_history;
using troupe::tests::mortal_node;
namespace json = boost::json;

TEST_CASE("every job that got a 202 ends once, however often the node dies",
          "[cluster][slow]") {
  mortal_node node;
  std::set<std::string> acknowledged;
  for (int round = 0; round < 4; ++round) {
    std::string last;
    for (int i = 0; i < 12; ++i) {
      last = node.submit(0.05 + 0.02 * i, 5 + i);
      REQUIRE(!last.empty());
      CHECK(acknowledged.insert(last).second);
    }
    // Kill it in the middle: some have ended, some run, some wait.
    auto first = *acknowledged.begin();
    node.await_events(first, 4);
    node.kill();
    node.start();
  }
  for (const auto& id : acknowledged) {
    auto job = node.await_end(id);
    CHECK(job.at("status") == "completed");
    check_history(node, id);
  }
}

TEST_CASE("a stream goes on after a kill without a gap, a repeat or a reset",
          "[cluster][slow]") {
  mortal_node node;
  auto id = node.submit(2.0, 60);
  REQUIRE(!id.empty());
  auto seen = node.await_events(id, 10);
  node.kill();
  node.start();
  auto job = node.await_end(id);
  CHECK(job.at("status") == "completed");
  CHECK(job.at("attempt") == 2);
  CHECK(job.at("usage").at("output_tokens") == 60);
  auto all = node.events(id);
  REQUIRE(all.size() > seen.size());
  for (size_t i = 0; i < seen.size(); ++i)
    CHECK(all[i] == seen[i]);
  check_history(node, id);
}

TEST_CASE("a job that crashes its engine is poison and harms nobody else",
          "[cluster][slow]") {
  mortal_node node;
  auto mate = node.submit(1.0, 20);
  node.await_events(mate, 4);
  auto crashing =
    node.submit(json::value{{"model", "sim"},
                            {"input", "x"},
                            {"params", {{"simulate", {{"crash", true}}}}}});
  REQUIRE(!crashing.empty());
  auto job = node.await_end(crashing);
  CHECK(job.at("status") == "failed");
  CHECK(job.at("error").at("code") == "poison");
  CHECK(job.at("dead_letter") == true);
  CHECK(node.await_end(mate).at("status") == "completed");
  check_history(node, mate);
  auto probe = node.submit(0.05, 3);
  CHECK(node.await_end(probe).at("status") == "completed");
}

TEST_CASE("SIGTERM parks what runs and exits with 0", "[cluster][slow]") {
  mortal_node node;
  auto id = node.submit(0.4, 10);
  REQUIRE(!id.empty());
  node.await_events(id, 4);
  auto status = node.stop();
  CHECK(status == 0);
  node.start();
  CHECK(node.await_end(id).at("status") == "completed");
  check_history(node, id);
}
