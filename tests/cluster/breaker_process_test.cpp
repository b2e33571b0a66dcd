// A real node whose model fails: work that cannot wait is refused at once, and an
// operator lets it through again.
#include "tests/support/gateway_under_test.hpp"
#include "tests/support/mortal_node.hpp"
#include "tests/support/program.hpp"
#include "tests/support/raw_client.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>

#include <poll.h>

using troupe::tests::ask;
using troupe::tests::get_request;
using troupe::tests::mortal_node;
using troupe::tests::post_request;
using troupe::tests::program;
namespace bench = troupe::bench;
namespace json = boost::json;

namespace {

constexpr auto urgent =
  R"({"model":"sim","input":"x","deadline":{"total_timeout_s":5}})";

std::string failing_job() {
  return R"({"model":"sim","input":"x","max_attempts":1,"params":{"simulate":)"
         R"({"service_s":0.01,"tokens":4,"fail_at_token":1,)"
         R"("fail_code":"transient"}}})";
}

void fail_ten_times(mortal_node& node) {
  std::vector<std::string> ids;
  for (int i = 0; i < 10; ++i)
    ids.push_back(node.submit(json::parse(failing_job())));
  for (const auto& id : ids) {
    REQUIRE(!id.empty());
    CHECK(node.await_end(id).at("status") == "failed");
  }
}

json::value breaker_of(const mortal_node& node) {
  auto reply = ask(node.admin_port(), get_request("/admin/v1/breakers/sim"));
  REQUIRE(reply.status == 200);
  return json::parse(reply.body);
}

/// The exit code of a `troupe breakers` command on the node.
int breakers(const mortal_node& node, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(),
                   {std::string{TROUPE_BIN_DIR} + "/troupe", "breakers"});
  program command{
    std::move(arguments),
    {"TROUPE_ADMIN_URL=http://127.0.0.1:" + std::to_string(node.admin_port())}};
  return command.wait().value_or(-1);
}

} // namespace

TEST_CASE("a failing model is left alone, and urgent work hears so at once",
          "[cluster][breaker][slow]") {
  mortal_node node;
  node.await_ready();
  fail_ten_times(node);
  auto breaker = breaker_of(node);
  INFO(breaker);
  REQUIRE(breaker.at("state") == "open");
  CHECK(breaker.at("cause") == "failures");
  CHECK(breaker.at("window").at("failed") == 10);

  auto began = bench::now();
  auto refused = ask(node.port(), post_request("/v1/jobs", urgent));
  auto took = bench::to_seconds(bench::now() - began);
  INFO(refused.body);
  REQUIRE(refused.status == 503);
  CHECK(json::parse(refused.body).at("type") == "/problems/model-unavailable");
  CHECK(took < 0.05);
  auto wait = std::stoi(refused.field("retry-after"));
  auto left = breaker.at("available_in_s").to_number<double>();
  CHECK(wait >= 1);
  CHECK(wait <= left * 1.25 + 2);
  // The gateway looks every 50 ms.
  auto shown = [&] {
    return node.get("/v1/models/sim").at("troupe").at("breaker");
  };
  for (int i = 0; i < 2'000 && shown() != "open"; ++i)
    ::poll(nullptr, 0, 1);
  CHECK(shown() == "open");
  auto metrics = ask(node.admin_port(), get_request("/metrics")).body;
  CHECK(metrics.find("troupe_breaker_state{target=\"sim\"} 2")
        != std::string::npos);
  CHECK(metrics.find("troupe_breaker_transitions_total{target=\"sim\","
                     "to=\"open\"} 1")
        != std::string::npos);

  // Who can wait is taken, and waits.
  auto patient = node.submit(0.05, 4);
  REQUIRE(!patient.empty());
  CHECK(node.get("/v1/jobs/" + patient).at("status") == "queued");
  CHECK(breakers(node, {"reset", "sim", "--reason", "weights replaced"}) == 0);
  CHECK(node.await_end(patient).at("status") == "completed");
  CHECK(ask(node.port(), post_request("/v1/jobs", urgent)).status == 202);

  // Held open, nobody is taken; held closed, everybody is.
  CHECK(breakers(node, {"force", "sim", "--state", "open", "--ttl-s", "60",
                        "--reason", "maintenance"})
        == 0);
  CHECK(node.submit(0.05, 4).empty());
  CHECK(breakers(node, {"force", "sim", "--state", "closed", "--reason",
                        "maintenance is over"})
        == 0);
  auto last = node.submit(0.05, 4);
  REQUIRE(!last.empty());
  CHECK(node.await_end(last).at("status") == "completed");
  CHECK(breaker_of(node).at("reason") == "maintenance is over");
  CHECK(node.stop() == 0);
}
