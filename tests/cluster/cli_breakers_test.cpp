#include "tests/support/cli_run.hpp"
#include "tests/support/scripted_server.hpp"

#include <catch2/catch_test_macros.hpp>

#include <boost/json/parse.hpp>

using troupe::tests::cli_run;
using troupe::tests::scripted_server;

namespace {

const std::string breaker =
  R"({"name":"lab/one","state":"open","cause":"failures","reason":null,)"
  R"("window":{"calls":10,"failed":6,"slow":0},"available_in_s":7.5,)"
  R"("forced_for_s":null})";

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

} // namespace

TEST_CASE("breakers are listed as a table or as lines of JSON",
          "[cluster][cli]") {
  answered node{R"({"object":"list","data":[)" + breaker + "]}"};
  for (auto arguments : {std::vector<std::string>{"breakers"},
                         std::vector<std::string>{"breakers", "list"}}) {
    REQUIRE(node.cli.run(arguments) == 0);
    CHECK(has(node.cli.out(), "NAME\tSTATE\tCAUSE\tCALLS\tFAILED\tSLOW\t"));
    CHECK(has(node.cli.out(), "lab/one\topen\tfailures\t10\t6\t0\t7.5\t\t"));
  }
  REQUIRE(node.cli.run({"breakers", "--json"}) == 0);
  CHECK(boost::json::parse(node.cli.out()).at("name") == "lab/one");
  REQUIRE(node.cli.run({"breakers", "list", "--json"}) == 0);
  CHECK(boost::json::parse(node.cli.out()).at("state") == "open");
}

TEST_CASE("orders carry their reason and name", "[cluster][cli]") {
  answered node{breaker};
  REQUIRE(node.cli.run({"breakers", "force", "lab/one", "--state", "open",
                        "--ttl-s", "900", "--reason", "bad weights"})
          == 0);
  REQUIRE(node.cli.run(
            {"breakers", "reset", "lab/one", "--reason", "mended", "--json"})
          == 0);
  CHECK(node.cli.out() == breaker + "\n");
  auto requests = node.server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].starts_with(
    "POST /admin/v1/breakers/lab%2Fone/force HTTP/1.1"));
  auto body =
    boost::json::parse(requests[0].substr(requests[0].find("\r\n\r\n") + 4));
  CHECK(body
        == boost::json::parse(
          R"({"state":"open","ttl_s":900,"reason":"bad weights"})"));
  CHECK(requests[1].starts_with(
    "POST /admin/v1/breakers/lab%2Fone/reset HTTP/1.1"));
  CHECK(has(requests[1], R"({"reason":"mended"})"));
}

TEST_CASE("an order without a reason, a state or a sane time is not sent",
          "[cluster][cli]") {
  answered node{breaker};
  CHECK(node.cli.run({"breakers", "reset", "sim"}) == 2);
  CHECK(node.cli.run({"breakers", "force", "sim", "--reason", "x"}) == 2);
  CHECK(node.cli.run(
          {"breakers", "force", "sim", "--reason", "x", "--state", "half_open"})
        == 2);
  CHECK(node.cli.run({"breakers", "force", "sim", "--reason", "x", "--state",
                      "open", "--ttl-s", "0"})
        == 2);
  CHECK(node.server.requests().empty());
}

TEST_CASE("what the server says against an order decides the exit code",
          "[cluster][cli]") {
  answered node{R"({"type":"/problems/not-found","detail":"no such model"})",
                "404 Not Found"};
  CHECK(node.cli.run({"breakers", "reset", "x", "--reason", "y"}) == 5);
  CHECK(node.cli.complains("no such model"));
}
