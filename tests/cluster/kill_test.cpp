// Real nodes that are killed with SIGKILL in the middle of their work. What was
// acknowledged must be there afterwards, and end exactly once.
#include "tests/bench/child_process.hpp"
#include "tests/bench/http_client.hpp"
#include "tests/support/temporary_directory.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <memory>
#include <set>

using troupe::bench::child_process;
using troupe::bench::fetch;
namespace json = boost::json;

namespace {

class mortal_node {
public:
  mortal_node() {
    std::ofstream{config_} << "node: { data_dir: " << dir_.str("data")
                           << " }\n"
                              "gateway: { listen: 127.0.0.1:0 }\n"
                              "admin: { listen: 127.0.0.1:0 }\n"
                              "models:\n"
                              "  - { name: sim, backend: simulated, slots: 2 }\n";
    start();
  }
  void start() {
    node_ = std::make_unique<child_process>(
      std::vector<std::string>{TROUPE_BIN_DIR "/troupe", "serve", "-c",
                               config_},
      dir_.str("log"));
    node_->await_listening();
  }
  void kill() { node_->kill(); }
  int stop() { return node_->stop(); }

  /// Empty when the node did not acknowledge.
  std::string submit(double service_s, int tokens) {
    json::object body{
      {"model", "sim"},
      {"input", "Package: kill"},
      {"params",
       {{"simulate", {{"service_s", service_s}, {"tokens", tokens}}}}}};
    auto answer = fetch(node_->gateway_port(), "POST", "/v1/jobs",
                        json::serialize(body));
    if (answer.status != 202)
      return {};
    return std::string{json::parse(answer.body).at("id").as_string()};
  }
  std::string submit_crashing() {
    auto answer = fetch(
      node_->gateway_port(), "POST", "/v1/jobs",
      R"({"model":"sim","input":"x","params":{"simulate":{"crash":true}}})");
    return std::string{json::parse(answer.body).at("id").as_string()};
  }
  json::value get(const std::string& target) {
    auto answer = fetch(node_->gateway_port(), "GET", target, {}, 40);
    INFO(target << " " << answer.status << " " << answer.body);
    REQUIRE(answer.status == 200);
    return json::parse(answer.body);
  }
  /// Waits for the end, version by version.
  json::value await_end(const std::string& id) {
    auto job = get("/v1/jobs/" + id);
    while (job.at("finished_at").is_null()) {
      auto version = job.at("version").to_number<int>();
      auto answer = fetch(node_->gateway_port(), "GET",
                          "/v1/jobs/" + id + "?wait_s=20&if_version="
                            + std::to_string(version),
                          {}, 40);
      REQUIRE((answer.status == 200 || answer.status == 304));
      if (answer.status == 200)
        job = json::parse(answer.body);
    }
    return job;
  }
  std::vector<std::string> events(const std::string& id) {
    auto page = get("/v1/jobs/" + id + "/events?limit=1000");
    std::vector<std::string> lines;
    for (const auto& e : page.at("data").as_array())
      lines.push_back(json::serialize(e));
    return lines;
  }
  /// Until at least `n` events are committed.
  std::vector<std::string> await_events(const std::string& id, size_t n) {
    for (;;) {
      auto seen = events(id);
      if (seen.size() >= n)
        return seen;
      get("/v1/jobs/" + id + "/events?wait_s=5&starting_after="
          + std::to_string(seen.size() - 1));
    }
  }

private:
  troupe::tests::temporary_directory dir_;
  std::string config_ = dir_.str("node.yaml");
  std::unique_ptr<child_process> node_;
};

/// Dense from 0, one end, deltas that add up to the output.
void check_history(mortal_node& node, const std::string& id) {
  auto lines = node.events(id);
  std::string text;
  size_t ends = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    auto e = json::parse(lines[i]);
    CHECK(e.at("seq").to_number<size_t>() == i);
    auto type = std::string{e.at("type").as_string()};
    CHECK(type != "output.reset");
    if (type == "output.delta") {
      CHECK(e.at("offset").to_number<size_t>() == text.size());
      text += e.at("text").as_string();
    }
    ends += type == "job.completed" ? 1 : 0;
  }
  CHECK(ends == 1);
  auto result = node.get("/v1/jobs/" + id + "/result");
  CHECK(result.at("status") == "completed");
  auto output = result.at("output").as_array();
  REQUIRE(output.size() == 1);
  auto stored = output[0].at("content").at(0).at("text").as_string();
  CHECK(std::string{stored} == text);
}

} // namespace

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
  auto crashing = node.submit_crashing();
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
