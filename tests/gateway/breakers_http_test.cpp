// /admin/v1/breakers over real sockets.
#include "tests/support/gateway_under_test.hpp"

#include <boost/json/parse.hpp>
#include <catch2/catch_test_macros.hpp>

#include <poll.h>

using troupe::tests::ask;
using troupe::tests::gateway_under_test;
using troupe::tests::get_request;
using troupe::tests::post_request;
using troupe::tests::raw_reply;
namespace json = boost::json;

namespace {

const std::string base = "/admin/v1/breakers";

raw_reply look(const gateway_under_test& node, const std::string& path) {
  return ask(node.admin_port(), get_request(path));
}

raw_reply order(const gateway_under_test& node, const std::string& path,
                const std::string& body) {
  return ask(node.admin_port(), post_request(path, body));
}

} // namespace

TEST_CASE("breakers are listed and looked at by name", "[gateway][breakers]") {
  gateway_under_test node;
  auto listed = look(node, base);
  REQUIRE(listed.status == 200);
  auto list = json::parse(listed.body);
  REQUIRE(list.at("data").as_array().size() == 2);
  auto one = list.at("data").at(1);
  CHECK(one.at("name") == "sim");
  CHECK(one.at("state") == "closed");
  CHECK(one.at("reason").is_null());
  CHECK(one.at("window").at("calls") == 0);
  CHECK(one.at("next_probe_in_s").is_null());
  CHECK(one.at("available_in_s").to_number<double>() == 0);
  CHECK(json::parse(look(node, base + "/sim").body) == one);
  auto slashed = look(node, base + "/lab%2Fone");
  REQUIRE(slashed.status == 200);
  CHECK(json::parse(slashed.body).at("name") == "lab/one");
  CHECK(look(node, base + "/nobody").status == 404);
  // Not where clients are.
  CHECK(node.get(base).status == 404);
}

TEST_CASE("an operator holds a breaker open, closed, and lets go",
          "[gateway][breakers]") {
  gateway_under_test node;
  auto forced = order(node, base + "/sim/force",
                      R"({"state":"open","ttl_s":90,"reason":"bad weights"})");
  REQUIRE(forced.status == 200);
  auto shown = json::parse(forced.body);
  CHECK(shown.at("state") == "open");
  CHECK(shown.at("cause") == "forced");
  CHECK(shown.at("reason") == "bad weights");
  auto left = shown.at("forced_for_s").to_number<double>();
  CHECK(left > 80);
  CHECK(left <= 90);
  CHECK(json::parse(look(node, base + "/sim").body).at("state") == "open");

  // Ten minutes unless told otherwise.
  forced = order(node, base + "/sim/force",
                 R"({"state":"closed","reason":"it is well"})");
  REQUIRE(forced.status == 200);
  shown = json::parse(forced.body);
  CHECK(shown.at("state") == "closed");
  CHECK(shown.at("forced_for_s").to_number<double>() > 590);

  auto reset = order(node, base + "/sim/reset", R"({"reason":"done"})");
  REQUIRE(reset.status == 200);
  shown = json::parse(reset.body);
  CHECK(shown.at("forced_for_s").is_null());
  CHECK(shown.at("cause") == "none");
}

TEST_CASE("every mistake in an order is named and changes nothing",
          "[gateway][breakers]") {
  gateway_under_test node;
  const std::string long_reason(501, 'x');
  for (const auto& body :
       {std::string{R"({"reason":"x"})"}, std::string{R"({"state":"open"})"},
        std::string{R"({"state":"half_open","reason":"x"})"},
        std::string{R"({"state":"open","reason":""})"},
        std::string{R"({"state":"open","reason":"x","ttl_s":0})"},
        std::string{R"({"state":"open","reason":"x","ttl_s":86401})"},
        std::string{R"({"state":"open","reason":"x","ttl_s":1.5})"},
        std::string{R"({"state":"open","reason":"x","ttl_s":NaN})"},
        std::string{R"({"state":"open","reason":"x","until":9})"},
        R"({"state":"open","reason":")" + long_reason + R"("})",
        std::string{"[]"}}) {
    INFO(body);
    CHECK(order(node, base + "/sim/force", body).status == 422);
  }
  CHECK(order(node, base + "/sim/force", "{").status == 400);
  CHECK(
    order(node, base + "/sim/reset", R"({"state":"open","reason":"x"})").status
    == 422);
  CHECK(order(node, base + "/sim/reset", "{}").status == 422);
  CHECK(order(node, base + "/nobody/reset", R"({"reason":"x"})").status == 404);
  CHECK(json::parse(look(node, base + "/sim").body).at("state") == "closed");
}

TEST_CASE("an order that finds the breaker restarting is to be repeated",
          "[gateway][breakers]") {
  gateway_under_test node;
  node.breakers().restart(true);
  auto reply = order(node, base + "/sim/reset", R"({"reason":"x"})");
  CHECK(reply.status == 503);
  CHECK(reply.body.find("model-unavailable") != std::string::npos);
  CHECK_FALSE(reply.field("retry-after").empty());
}

TEST_CASE("models show their breaker", "[gateway][breakers]") {
  gateway_under_test node;
  auto reply = node.get("/v1/models/sim");
  REQUIRE(reply.status == 200);
  CHECK(json::parse(reply.body).at("troupe").at("breaker") == "closed");
  troupe::gateway::node_status status{.shards_ready = 1, .shards_total = 1};
  status.models.push_back(
    {.name = "sim",
     .ready = true,
     .breaker = troupe::runtime::breaker_state::half_open});
  node.jobs().set_status(status);
  // The gateway looks every 50 ms.
  for (int i = 0; i < 10'000; ++i) {
    reply = node.get("/v1/models/sim");
    if (reply.body.find("half_open") != std::string::npos)
      break;
    ::poll(nullptr, 0, 1);
  }
  CHECK(json::parse(reply.body).at("troupe").at("breaker") == "half_open");
}
