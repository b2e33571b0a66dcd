// Real nodes with tenants: what they spend is charged, refused in words, and
// still known after SIGKILL; and a node short of memory.
#include "tests/support/gateway_under_test.hpp"
#include "tests/support/mortal_node.hpp"
#include "tests/support/program.hpp"
#include "tests/support/raw_client.hpp"

#include <boost/json.hpp>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <poll.h>

using Catch::Approx;
using troupe::tests::ask;
using troupe::tests::get_request;
using troupe::tests::mortal_node;
using troupe::tests::post_request;
using troupe::tests::program;
using troupe::tests::raw_reply;
namespace bench = troupe::bench;
namespace json = boost::json;

namespace {

constexpr auto as_acme = "X-Troupe-Tenant: acme\r\n";
constexpr auto priced = "{ name: sim, backend: simulated, slots: 2, price: 2 }";

/// A node whose tenant acme has this budget.
mortal_node::place with_budget(const std::string& budget) {
  return {.data_dir = {},
          .store = {},
          .more = "tenants:\n  - { name: acme, budget: " + budget + " }\n"};
}

raw_reply submit(const mortal_node& node, double predicted_s, double service_s,
                 const std::string& fields = as_acme) {
  json::value body{{"model", "sim"},
                   {"input", "x"},
                   {"params",
                    {{"simulate",
                      {{"service_s", service_s},
                       {"tokens", 4},
                       {"predicted_s", predicted_s}}}}}};
  return ask(node.port(),
             post_request("/v1/jobs", json::serialize(body), fields));
}

json::value job(const mortal_node& node, const std::string& id) {
  auto reply = ask(node.port(), get_request("/v1/jobs/" + id, as_acme));
  REQUIRE(reply.status == 200);
  return json::parse(reply.body);
}

json::value await_end(const mortal_node& node, const std::string& id) {
  auto seen = job(node, id);
  for (int i = 0; i < 20'000 && seen.at("finished_at").is_null(); ++i) {
    ::poll(nullptr, 0, 2);
    seen = job(node, id);
  }
  REQUIRE(!seen.at("finished_at").is_null());
  return seen;
}

json::value tenant(const mortal_node& node) {
  auto reply = ask(node.admin_port(), get_request("/admin/v1/tenants/acme"));
  REQUIRE(reply.status == 200);
  return json::parse(reply.body);
}

/// Once the tenant has so many jobs: a client hears of an end before the shard.
json::value await_jobs(const mortal_node& node, int jobs) {
  auto seen = tenant(node);
  for (int i = 0; i < 10'000 && seen.at("jobs") != jobs; ++i) {
    ::poll(nullptr, 0, 2);
    seen = tenant(node);
  }
  return seen;
}

double number(const json::value& tenant, std::string_view name) {
  return tenant.at("budget").at(name).to_number<double>();
}

std::string id_of(const raw_reply& reply) {
  INFO(reply.body);
  REQUIRE(reply.status == 202);
  return std::string{json::parse(reply.body).at("id").as_string()};
}

/// The exit code of a `troupe tenants` command on the node.
int tenants(const mortal_node& node, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(),
                   {std::string{TROUPE_BIN_DIR} + "/troupe", "tenants"});
  program command{
    std::move(arguments),
    {"TROUPE_ADMIN_URL=http://127.0.0.1:" + std::to_string(node.admin_port())}};
  return command.wait().value_or(-1);
}

void wait_for(double seconds) {
  auto until = bench::now() + bench::from_seconds(seconds);
  while (bench::now() < until)
    ::poll(nullptr, 0, 5);
}

} // namespace

TEST_CASE("a tenant's spending survives SIGKILL, and so do its reservations",
          "[cluster][tenants][slow]") {
  // Next to nothing comes in: 0.0001 per second.
  mortal_node node{with_budget("{ cost_per_minute: 0.006, burst: 1000 }"),
                   priced};
  node.await_ready();
  double spent = 0;
  for (int i = 0; i < 4; ++i) {
    auto ended = await_end(node, id_of(submit(node, 5, 0.2)));
    auto cost = ended.at("usage").at("cost").to_number<double>();
    CHECK(cost == Approx(0.4).margin(0.2));
    spent += cost;
  }
  auto before = await_jobs(node, 0);
  CHECK(number(before, "reserved") == Approx(0).margin(1e-5));
  CHECK(number(before, "remaining") == Approx(1000 - spent).margin(0.05));
  // Longer than the node takes to write budgets.
  auto slow = await_end(node, id_of(submit(node, 1, 1.6)));
  spent += slow.at("usage").at("cost").to_number<double>();
  wait_for(1.2);

  // Reserved within the last moments before the end, and never finished.
  for (int i = 0; i < 30; ++i)
    id_of(submit(node, 2.5, 600));
  CHECK(number(tenant(node), "reserved") == Approx(150).margin(0.001));
  node.kill();
  node.start();
  node.await_ready();
  auto after = tenant(node);
  INFO(after);
  CHECK(after.at("jobs") == 30);
  CHECK(number(after, "reserved") == Approx(150).margin(0.001));
  CHECK(number(after, "remaining") == Approx(1000 - spent - 150).margin(0.05));

  // What never ran is free; what ran pays for it.
  auto list = ask(node.port(), get_request("/v1/jobs?limit=100", as_acme));
  auto listed = json::parse(list.body);
  for (const auto& x : listed.at("data").as_array())
    if (x.at("finished_at").is_null())
      ask(node.port(),
          post_request("/v1/jobs/" + std::string{x.at("id").as_string()}
                         + "/cancel",
                       "{}", as_acme));
  auto idle = await_jobs(node, 0);
  CHECK(idle.at("jobs") == 0);
  CHECK(number(idle, "reserved") == Approx(0).margin(1e-5));
  CHECK(number(idle, "remaining") > 1000 - spent - 60);
  CHECK(number(idle, "remaining") <= 1000 - spent + 0.05);
  auto metrics = ask(node.admin_port(), get_request("/metrics")).body;
  CHECK(metrics.find("troupe_budget_reserved_cost 0") != std::string::npos);
  CHECK(node.stop() == 0);
}

TEST_CASE("killed in a burst of admissions, a node holds what its jobs hold",
          "[cluster][tenants][slow]") {
  mortal_node node{with_budget("{ cost_per_minute: 0.006, burst: 100000 }")};
  node.await_ready();
  for (int round = 0; round < 3; ++round) {
    // Answers are not awaited: some are cut off in the middle of a commit.
    std::vector<troupe::tests::raw_client> clients;
    for (int i = 0; i < 40; ++i) {
      clients.emplace_back(node.port());
      json::value body{
        {"model", "sim"},
        {"input", "x"},
        {"params",
         {{"simulate",
           {{"service_s", 600}, {"tokens", 4}, {"predicted_s", 3}}}}}};
      clients.back().send(
        post_request("/v1/jobs", json::serialize(body), as_acme));
    }
    clients.front().read_reply();
    node.kill();
    node.start();
    node.await_ready();
    auto now = tenant(node);
    auto jobs = now.at("jobs").to_number<double>();
    INFO(now);
    CHECK(jobs >= round + 1);
    CHECK(number(now, "reserved") == Approx(3 * jobs).margin(0.001));
    CHECK(number(now, "remaining") + number(now, "reserved")
          == Approx(100'000).margin(0.05));
  }
}

TEST_CASE(
  "over its budget a tenant is refused, told when to return, and let in "
  "then",
  "[cluster][tenants][slow]") {
  mortal_node node{with_budget("{ cost_per_minute: 600, burst: 20 }"), priced};
  node.await_ready();
  auto first = submit(node, 9, 600);
  id_of(first);
  CHECK(first.field("ratelimit-policy")
        == "\"cost\";q=20;w=2;qu=\"cost-units\"");
  auto refused = submit(node, 9, 600);
  REQUIRE(refused.status == 429);
  auto body = json::parse(refused.body);
  CHECK(body.at("type") == "/problems/quota-exceeded");
  CHECK(body.at("required") == 18);
  CHECK(body.at("remaining").to_number<double>() < 18);
  CHECK(refused.field("x-should-retry") == "true");
  CHECK(!refused.field("ratelimit").empty());
  // Others are none of its business.
  CHECK(submit(node, 9, 0.01, "").status == 202);
  CHECK(submit(node, 9, 0.01, "").field("ratelimit").empty());
  auto wait = std::stoi(refused.field("retry-after"));
  CHECK(wait >= 1);
  CHECK(wait <= 4);
  wait_for(wait);
  CHECK(submit(node, 9, 600).status == 202);

  auto never = submit(node, 10.1, 600);
  CHECK(never.status == 429);
  CHECK(never.field("x-should-retry") == "false");
  auto metrics = ask(node.admin_port(), get_request("/metrics")).body;
  CHECK(
    metrics.find("troupe_jobs_submitted_total{outcome=\"quota_exceeded\"} 2")
    != std::string::npos);
  auto nobody = submit(node, 1, 1, "X-Troupe-Tenant: nobody\r\n");
  CHECK(nobody.status == 422);

  // An operator lets it spend; that holds over a restart, and ends.
  CHECK(tenants(node, {"budget", "acme", "--cost-per-minute", "6000", "--burst",
                       "500", "--ttl-s", "600", "--reason", "launch"})
        == 0);
  wait_for(0.3);
  CHECK(submit(node, 10.1, 600).status == 202);
  node.kill();
  node.start();
  node.await_ready();
  CHECK(number(tenant(node), "cost_per_minute") == 6000);
  CHECK(tenant(node).at("override").at("burst") == 500);
  CHECK(tenants(node, {"reset", "acme", "--reason", "over"}) == 0);
  CHECK(tenant(node).at("override").is_null());
  CHECK(number(tenant(node), "burst") == 20);
  CHECK(tenants(node, {"reset", "nobody", "--reason", "x"}) == 5);
  CHECK(tenants(node, {}) == 0);
}

TEST_CASE("a tenant has no more jobs than it may, over a restart, too",
          "[cluster][tenants][slow]") {
  mortal_node node{
    {.data_dir = {},
     .store = {},
     .more = "tenants:\n  - { name: acme, queued_jobs_max: 2 }\n"}};
  node.await_ready();
  auto one = id_of(submit(node, 1, 600));
  id_of(submit(node, 1, 600));
  auto third = submit(node, 1, 600);
  CHECK(third.status == 429);
  CHECK(json::parse(third.body).at("type") == "/problems/rate-limited");
  CHECK(third.field("ratelimit").empty());
  CHECK(submit(node, 1, 0.01, "").status == 202);
  node.kill();
  node.start();
  node.await_ready();
  CHECK(submit(node, 1, 600).status == 429);
  CHECK(
    ask(node.port(), post_request("/v1/jobs/" + one + "/cancel", "{}", as_acme))
      .status
    == 200);
  await_jobs(node, 1);
  CHECK(submit(node, 1, 600).status == 202);
}

TEST_CASE("a node whose memory is full takes no work and says so",
          "[cluster][memory][slow]") {
  mortal_node node;
  node.await_ready();
  auto id = node.submit(0.05, 4);
  REQUIRE(!id.empty());
  node.await_end(id);
  auto metrics = ask(node.admin_port(), get_request("/metrics")).body;
  CHECK(metrics.find("troupe_memory_level 0") != std::string::npos);

  mortal_node small{
    {.data_dir = {}, .store = {}, .more = {}, .node = ", memory_mib_max: 4"}};
  small.await_ready();
  auto refused = ask(
    small.port(), post_request("/v1/jobs", R"({"model":"sim","input":"x"})"));
  INFO(refused.body);
  REQUIRE(refused.status == 503);
  CHECK(json::parse(refused.body).at("type") == "/problems/queue-full");
  CHECK(refused.body.find("memory") != std::string::npos);
  CHECK(!refused.field("retry-after").empty());
  CHECK(ask(small.port(), get_request("/v1/jobs")).status == 200);
  metrics = ask(small.admin_port(), get_request("/metrics")).body;
  CHECK(metrics.find("troupe_memory_level 2") != std::string::npos);
  CHECK(metrics.find("troupe_memory_bytes_max 4194304") != std::string::npos);
  CHECK(small.stop() == 0);
}
