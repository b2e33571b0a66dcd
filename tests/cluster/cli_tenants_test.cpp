#include "tests/support/cli_run.hpp"
#include "tests/support/scripted_server.hpp"

#include <catch2/catch_test_macros.hpp>

#include <boost/json/parse.hpp>

using troupe::tests::cli_run;
using troupe::tests::scripted_server;

namespace {

const std::string tenant =
  R"({"name":"acme","object":"tenant","share":1,"jobs":3,)"
  R"("queued_jobs_max":100,"budget":{"cost_per_minute":60,"burst":120,)"
  R"("remaining":-2.5,"reserved":7,"full_in_s":1},"override":null})";
const std::string free_tenant =
  R"({"name":"default","object":"tenant","share":1,"jobs":0,)"
  R"("queued_jobs_max":100,"budget":null,"override":null})";

struct answered {
  explicit answered(const std::string& body,
                    const std::string& status = "200 OK")
    : server{
      {scripted_server::answer(scripted_server::response(status, body))}} {
    cli.environment["TROUPE_ADMIN_URL"] = server.url();
  }
  scripted_server server;
  cli_run cli;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string body_of(const std::string& request) {
  return request.substr(request.find("\r\n\r\n") + 4);
}

} // namespace

TEST_CASE("tenants are listed as a table or as lines of JSON",
          "[cluster][cli][tenants]") {
  answered node{R"({"object":"list","data":[)" + tenant + "," + free_tenant
                + "]}"};
  REQUIRE(node.cli.run({"tenants"}) == 0);
  CHECK(has(node.cli.out(), "NAME\tJOBS\tJOBS_MAX\tCOST_PER_MINUTE\tBURST\t"));
  CHECK(has(node.cli.out(), "acme\t3\t100\t60\t120\t-2.5\t7\t"));
  CHECK(has(node.cli.out(), "default\t0\t100\t\t\t\t\t"));
  REQUIRE(node.cli.run({"tenants", "list", "--json"}) == 0);
  CHECK(has(node.cli.out(), "\"name\":\"acme\""));
}

TEST_CASE("an override is sent whole, and so is its end",
          "[cluster][cli][tenants]") {
  answered node{tenant};
  REQUIRE(node.cli.run({"tenants", "budget", "a/b", "--cost-per-minute", "600",
                        "--burst", "0.5", "--reason", "launch"})
          == 0);
  REQUIRE(
    node.cli.run({"tenants", "reset", "acme", "--reason", "over", "--json"})
    == 0);
  CHECK(node.cli.out() == tenant + "\n");
  auto requests = node.server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].starts_with("PUT /admin/v1/tenants/a%2Fb/budget HTTP/1.1"));
  CHECK(
    boost::json::parse(body_of(requests[0]))
    == boost::json::parse(R"({"cost_per_minute":6E2,"burst":5E-1,"ttl_s":3600,)"
                          R"("reason":"launch"})"));
  CHECK(
    requests[1].starts_with("DELETE /admin/v1/tenants/acme/budget HTTP/1.1"));
  CHECK(body_of(requests[1]) == R"({"reason":"over"})");
}

TEST_CASE("an override that cannot be right is not sent",
          "[cluster][cli][tenants]") {
  answered node{tenant};
  for (auto arguments :
       {std::vector<std::string>{"--cost-per-minute", "1"},
        {"--cost-per-minute", "-1", "--burst", "1"},
        {"--cost-per-minute", "nan", "--burst", "1"},
        {"--cost-per-minute", "1", "--burst", "0"},
        {"--cost-per-minute", "1", "--burst", "1", "--ttl-s", "59"}}) {
    arguments.insert(arguments.begin(),
                     {"tenants", "budget", "acme", "--reason", "x"});
    CHECK(node.cli.run(arguments) == 2);
  }
  CHECK(node.cli.run({"tenants", "reset", "acme"}) == 2);
  CHECK(node.server.requests().empty());
}
