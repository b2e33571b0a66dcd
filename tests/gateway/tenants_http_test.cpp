// Tenants over real sockets: whose request it is, what is left of a budget, and
// /admin/v1/tenants.
#include "gateway/rate_fields.hpp"
#include "tests/support/gateway_under_test.hpp"

#include <boost/json/parse.hpp>
#include <catch2/catch_test_macros.hpp>

#include <poll.h>
#include <sstream>

using namespace troupe;
using namespace std::chrono_literals;
using tests::ask;
using tests::gateway_under_test;
using tests::get_request;
using tests::post_request;
using tests::raw_reply;
namespace json = boost::json;

namespace {

const std::string base = "/admin/v1/tenants";
constexpr auto as_acme = "X-Troupe-Tenant: acme\r\n";

raw_reply look(const gateway_under_test& node, const std::string& path) {
  return ask(node.admin_port(), get_request(path));
}

std::string order(std::string_view method, const std::string& path,
                  const std::string& body) {
  auto request = post_request(path, body);
  return std::string{method} + request.substr(request.find(' '));
}

/// Sends an order and plays the home shard.
raw_reply obey(gateway_under_test& node, const std::string& request) {
  tests::raw_client client{node.admin_port()};
  REQUIRE(client.send(request));
  for (int i = 0; i < 10'000; ++i) {
    auto now = runtime::moment{runtime::system_clock().mono(),
                               runtime::system_clock().wall()};
    auto kept = node.tenants().find("acme")->take_changes(now);
    if (kept && !kept->waiting.empty()) {
      for (auto to : kept->waiting)
        node.sinks().post(to, runtime::budget_kept{});
      break;
    }
    ::poll(nullptr, 0, 1);
  }
  auto reply = client.read_reply();
  REQUIRE(reply);
  return *reply;
}

} // namespace

TEST_CASE("only a tenant with a budget hears of it", "[gateway][tenants]") {
  gateway_under_test node;
  auto plain = node.get("/v1/jobs");
  CHECK(plain.status == 200);
  CHECK(plain.field("ratelimit").empty());
  CHECK(plain.field("ratelimit-policy").empty());

  auto limited = node.get("/v1/jobs", as_acme);
  CHECK(limited.status == 200);
  CHECK(limited.field("ratelimit-policy")
        == "\"cost\";q=120;w=120;qu=\"cost-units\"");
  CHECK(limited.field("ratelimit") == "\"cost\";r=120;t=0");
  // Problems, too; paths that are nobody's do not.
  CHECK(!node.get("/v1/jobs/job_x", as_acme).field("ratelimit").empty());
  CHECK(node.get("/problems", as_acme).field("ratelimit").empty());
}

TEST_CASE("what is left of a budget is never shown as more",
          "[gateway][tenants]") {
  runtime::tenant_view x{
    .budget = {.cost_per_minute = 60, .burst = 120},
    .level = {
      .limited = true, .remaining = 87.9, .burst = 120, .full_in = 32'100ms}};
  CHECK(gateway::rate_fields(x)
        == "RateLimit-Policy: \"cost\";q=120;w=120;qu=\"cost-units\"\r\n"
           "RateLimit: \"cost\";r=87;t=33\r\n");
  // Of a refusal: when the job would fit, which Retry-After does not precede.
  CHECK(gateway::rate_fields(x, 5).find(";t=5\r\n") != std::string::npos);
  CHECK(gateway::rate_fields(x, 500).find(";t=33\r\n") != std::string::npos);
  x.level.remaining = -3;
  CHECK(gateway::rate_fields(x).find("r=0;") != std::string::npos);
  x.level.limited = false;
  CHECK(gateway::rate_fields(x).empty());
}

TEST_CASE("a request for a tenant that does not exist says so",
          "[gateway][tenants]") {
  gateway_under_test node;
  for (const auto* name : {"nobody", "ACME", "", "acme, default"}) {
    INFO(name);
    const auto field =
      std::string{"X-Troupe-Tenant: "}.append(name).append("\r\n");
    auto reply =
      node.post("/v1/jobs", R"({"model":"sim","input":"Hi"})", field);
    CHECK(reply.status == 422);
    auto body = json::parse(reply.body);
    CHECK(body.at("type") == "/problems/validation-failed");
    CHECK(body.at("errors").at(0).at("pointer") == "X-Troupe-Tenant");
    CHECK(node.get("/v1/jobs", field).status == 422);
  }
  CHECK(node.get("/v1/jobs", "x-troupe-tenant: default\r\n").status == 200);
}

TEST_CASE("a tenant's jobs are no other's", "[gateway][tenants]") {
  gateway_under_test node;
  auto made = node.post("/v1/jobs", R"({"model":"sim","input":"Hi"})", as_acme);
  REQUIRE(made.status == 202);
  auto id = tests::json_text(made.body, "id");
  CHECK(json::parse(made.body).at("tenant") == "acme");
  CHECK(node.get("/v1/jobs/" + id, as_acme).status == 200);
  CHECK(node.get("/v1/jobs/" + id).status == 404);
  CHECK(json::parse(node.get("/v1/jobs").body).at("data").as_array().empty());
}

TEST_CASE("one idempotency key of two tenants is two", "[gateway][tenants]") {
  gateway_under_test node;
  const auto body = R"({"model":"sim","input":"Hi"})";
  const std::string key = "Idempotency-Key: same\r\n";
  auto one = node.post("/v1/jobs", body, key);
  auto two = node.post("/v1/jobs", body, key + as_acme);
  REQUIRE(one.status == 202);
  REQUIRE(two.status == 202);
  CHECK(tests::json_text(one.body, "id") != tests::json_text(two.body, "id"));
}

TEST_CASE("a spent budget is 429 with what is missing and when to return",
          "[gateway][tenants]") {
  gateway_under_test node;
  node.jobs().refuse_submissions(runtime::refused{
    .why = {runtime::errc::quota_exceeded, "the job costs about 30"},
    .retry_after_s = 12.2,
    .budget = runtime::refused::shortage{.required = 30, .remaining = 17.8}});
  auto reply =
    node.post("/v1/jobs", R"({"model":"sim","input":"Hi"})", as_acme);
  REQUIRE(reply.status == 429);
  auto body = json::parse(reply.body);
  CHECK(body.at("type") == "/problems/quota-exceeded");
  CHECK(body.at("required") == 30);
  CHECK(body.at("remaining") == 17.8);
  auto wait = std::stoi(reply.field("retry-after"));
  CHECK(wait >= 13);
  CHECK(wait <= 17);
  CHECK(reply.field("x-should-retry") == "true");
  CHECK(!reply.field("ratelimit").empty());
}

TEST_CASE("an estimate tells what it would leave of a budget",
          "[gateway][tenants]") {
  gateway_under_test node;
  const auto body = R"({"model":"sim","input":"Hi"})";
  auto limited = json::parse(node.post("/v1/estimate", body, as_acme).body);
  INFO(limited);
  CHECK(limited.at("budget").at("remaining") == 120);
  CHECK(limited.at("budget").at("after").to_number<double>() <= 120);
  CHECK(
    json::parse(node.post("/v1/estimate", body).body).at("budget").is_null());
}

TEST_CASE("tenants are listed and looked at by name", "[gateway][tenants]") {
  gateway_under_test node;
  auto list = json::parse(look(node, base).body);
  REQUIRE(list.at("data").as_array().size() == 2);
  auto one = list.at("data").at(0);
  CHECK(one.at("name") == "acme");
  CHECK(one.at("jobs") == 0);
  CHECK(one.at("queued_jobs_max") == 100'000);
  CHECK(one.at("budget").at("cost_per_minute") == 60);
  CHECK(one.at("budget").at("remaining") == 120);
  CHECK(one.at("budget").at("reserved") == 0);
  CHECK(one.at("override").is_null());
  CHECK(list.at("data").at(1).at("budget").is_null());
  CHECK(json::parse(look(node, base + "/acme").body) == one);
  CHECK(look(node, base + "/nobody").status == 404);
  // Not where clients are.
  CHECK(node.get(base).status == 404);
}

TEST_CASE("an operator gives a tenant another budget and takes it back",
          "[gateway][tenants]") {
  gateway_under_test node;
  auto path = base + "/acme/budget";
  auto set = obey(
    node,
    order(
      "PUT", path,
      R"({"cost_per_minute":600,"burst":50,"ttl_s":90,"reason":"a launch"})"));
  REQUIRE(set.status == 200);
  auto shown = json::parse(set.body);
  CHECK(shown.at("budget").at("cost_per_minute") == 600);
  CHECK(shown.at("override").at("burst") == 50);
  auto left = shown.at("override").at("lapses_in_s").to_number<double>();
  CHECK(left > 80);
  CHECK(left <= 90);
  CHECK(node.get("/v1/jobs", as_acme).field("ratelimit-policy")
        == "\"cost\";q=50;w=5;qu=\"cost-units\"");

  auto dropped = obey(node, order("DELETE", path, R"({"reason":"over"})"));
  REQUIRE(dropped.status == 200);
  CHECK(json::parse(dropped.body).at("override").is_null());
}

TEST_CASE("every mistake in an override is named and changes nothing",
          "[gateway][tenants]") {
  gateway_under_test node;
  auto path = base + "/acme/budget";
  for (const auto* body :
       {R"({"cost_per_minute":1,"burst":1,"ttl_s":60})",
        R"({"cost_per_minute":1,"burst":1,"reason":"x"})",
        R"({"cost_per_minute":1,"ttl_s":60,"reason":"x"})",
        R"({"cost_per_minute":0,"burst":1,"ttl_s":60,"reason":"x"})",
        R"({"cost_per_minute":-1,"burst":1,"ttl_s":60,"reason":"x"})",
        R"({"cost_per_minute":NaN,"burst":1,"ttl_s":60,"reason":"x"})",
        R"({"cost_per_minute":1e300,"burst":1,"ttl_s":60,"reason":"x"})",
        R"({"cost_per_minute":1,"burst":1,"ttl_s":59,"reason":"x"})",
        R"({"cost_per_minute":1,"burst":1,"ttl_s":604801,"reason":"x"})",
        R"({"cost_per_minute":1,"burst":1,"ttl_s":60,"reason":"","a":1})",
        "[]"}) {
    INFO(body);
    auto reply = ask(node.admin_port(), order("PUT", path, body));
    CHECK((reply.status == 422 || reply.status == 400));
  }
  CHECK(ask(node.admin_port(), order("DELETE", path, "{}")).status == 422);
  CHECK(ask(node.admin_port(),
            order("DELETE", base + "/nobody/budget", R"({"reason":"x"})"))
          .status
        == 404);
  CHECK(json::parse(look(node, base + "/acme").body).at("override").is_null());
}

TEST_CASE("a node short of memory takes no large bodies", "[gateway][memory]") {
  gateway_under_test node;
  gateway::node_status status{.memory = runtime::memory_level::tight,
                              .shards_ready = 1,
                              .shards_total = 1};
  status.models = node.jobs().status().models;
  node.jobs().set_status(status);
  const auto large =
    R"({"model":"sim","input":")" + std::string(70 * 1024, 'x') + R"("})";
  // The gateway looks every 50 ms.
  raw_reply reply;
  for (int i = 0; i < 2'000; ++i) {
    reply = node.post("/v1/jobs", large);
    if (reply.status == 503)
      break;
    ::poll(nullptr, 0, 1);
  }
  REQUIRE(reply.status == 503);
  CHECK(json::parse(reply.body).at("type") == "/problems/queue-full");
  CHECK(!reply.field("retry-after").empty());
  // Chunked, so that the head does not say.
  std::ostringstream chunked;
  chunked << "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
             "Content-Type: application/json\r\n"
             "Transfer-Encoding: chunked\r\n\r\n"
          << std::hex << large.size() << "\r\n"
          << large << "\r\n0\r\n\r\n";
  CHECK(ask(node.port(), chunked.str()).status == 503);
  CHECK(node.post("/v1/jobs", R"({"model":"sim","input":"Hi"})").status == 202);
}
