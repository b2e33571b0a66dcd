// Dead letters of a real node, through the real command, over kill -9.
#include "tests/bench/http_client.hpp"
#include "tests/support/mortal_node.hpp"
#include "tests/support/program.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <string>
#include <vector>

using troupe::tests::mortal_node;
using troupe::tests::program;
using troupe::tests::temporary_directory;
namespace json = boost::json;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

json::value as_json(const std::string& text) {
  return json::value(json::string_view{text});
}

struct fixture {
  struct outcome {
    int code = -1;
    std::string out;
    std::string err;
  };
  /// `troupe dlq ...` on the node.
  outcome dlq(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {TROUPE_BIN_DIR "/troupe", "dlq"});
    program client{
      arguments,
      {"TROUPE_URL=http://127.0.0.1:" + std::to_string(node.port())}};
    auto code = client.wait();
    REQUIRE(code);
    // Both pipes are at their end once the process is gone.
    (void)client.out_has("\x01 never");
    (void)client.err_has("\x01 never");
    INFO(client.err());
    return {*code, client.out(), client.err()};
  }
  /// A job that dies of what it simulates.
  std::string dead(const json::value& simulate) {
    auto id = node.submit({{"model", "sim"},
                           {"input", "Package: dead"},
                           {"max_attempts", 2},
                           {"params", {{"simulate", simulate}}}});
    auto job = node.await_end(id);
    REQUIRE(job.at("dead_letter") == true);
    return id;
  }
  std::string dead() {
    return dead({{"service_s", 0.1}, {"tokens", 5}, {"fail_at_token", 2}});
  }
  void restart() {
    node.kill();
    node.start();
    node.await_ready();
  }
  /// A file that takes the fault out of a request.
  std::string mend() {
    auto file = folder.str("mend.json");
    std::ofstream{file} << R"({"params":{"simulate":
      {"fail_at_token":null,"tokens":3}},"metadata":{"mended":"yes"}})";
    return file;
  }

  mortal_node node;
  temporary_directory folder;
};

} // namespace

TEST_CASE("a dead job is found, understood, mended and replayed, over kill -9",
          "[cluster][dlq][process][slow]") {
  fixture f;
  auto id = f.dead();
  CHECK(has(f.dlq({"list"}).out,
            "\n" + id + "\tdead\tattempts_exhausted\tsim\tdefault\t2\t"));
  auto before = json::parse(f.dlq({"show", id, "--json"}).out);
  REQUIRE(before.at("attempts").as_array().size() == 2);
  for (const auto& x : before.at("attempts").as_array()) {
    CHECK(x.at("error").at("message") == "simulated failure");
    CHECK(x.at("ended_at").is_string());
  }
  CHECK(before.at("request").at("params").at("simulate").at("fail_at_token")
        == 2);
  f.restart();
  CHECK(json::parse(f.dlq({"show", id, "--json"}).out) == before);

  auto preview = f.dlq({"replay", id, "--dry-run", "--edit", f.mend()});
  CHECK(preview.code == 0);
  CHECK(has(preview.out, id + "\twould\t"));
  auto replayed = f.dlq({"replay", id, "--edit", f.mend(), "--json"});
  INFO(replayed.err);
  REQUIRE(replayed.code == 0);
  auto job = json::parse(replayed.out);
  auto made = std::string{job.at("id").as_string()};
  CHECK(job.at("replay_of") == as_json(id));
  f.restart();
  auto ended = f.node.await_end(made);
  CHECK(ended.at("status") == "completed");
  CHECK(ended.at("replay_of") == as_json(id));
  CHECK(ended.at("metadata").at("mended") == "yes");

  CHECK_FALSE(has(f.dlq({"list"}).out, id));
  CHECK(has(f.dlq({"list", "--state", "replayed"}).out, id + "\treplayed\t"));
  CHECK(json::parse(f.dlq({"show", id, "--json"}).out).at("replayed_as")
        == as_json(made));
  auto again = f.dlq({"replay", id});
  CHECK(again.code == 0);
  CHECK(has(again.out, id + "\talready\t" + made + "\tcompleted"));
  CHECK(has(f.dlq({"show", id}).out, "\n1\tsim\tsim/"));
}

TEST_CASE("poison is refused, dropped, and stays dropped over kill -9",
          "[cluster][dlq][process][slow]") {
  fixture f;
  auto id = f.dead({{"crash", true}});
  CHECK(has(f.dlq({"list", "--reason", "poison"}).out, id));
  auto refused = f.dlq({"replay", id});
  CHECK(refused.code == 4);
  CHECK(has(refused.err, "insufficient-scope"));
  CHECK(f.dlq({"drop", id}).code == 0);
  f.restart();
  CHECK_FALSE(has(f.dlq({"list"}).out, id));
  CHECK(has(f.dlq({"list", "--state", "dropped"}).out, id));
  CHECK(f.dlq({"replay", id}).code == 5);
}

TEST_CASE("many are replayed by filter, once each, and only after a yes",
          "[cluster][dlq][process][slow]") {
  fixture f;
  for (int i = 0; i < 3; ++i)
    f.dead();
  auto asked = f.dlq({"replay", "--model", "sim", "--edit", f.mend()});
  CHECK(asked.code == 2);
  CHECK(has(asked.err, "3 letters match: 3 attempts_exhausted; 3 of sim"));
  auto two = f.dlq({"replay", "--model", "sim", "--edit", f.mend(), "--yes",
                    "--max", "2", "--rate", "100"});
  INFO(two.err);
  CHECK(two.code == 0);
  CHECK(has(two.err, "2 replayed"));
  auto rest = f.dlq({"replay", "--model", "sim", "--edit", f.mend(), "--yes"});
  CHECK(has(rest.err, "1 replayed"));
  CHECK(has(f.dlq({"replay", "--model", "sim", "--yes"}).err, "0 replayed"));
  auto all = f.node.get("/v1/jobs?limit=100").at("data").as_array();
  CHECK(all.size() == 6);
  for (const auto& x : all)
    if (!x.at("replay_of").is_null())
      CHECK(f.node.await_end(std::string{x.at("id").as_string()}).at("status")
            == "completed");
}

TEST_CASE("a replay run goes on after kill -9 and replays nothing twice",
          "[cluster][dlq][process][slow]") {
  fixture f;
  for (int i = 0; i < 6; ++i)
    f.dead();
  auto started =
    troupe::bench::fetch(f.node.port(), "POST", "/v1/dead-letters/replays",
                         R"({"filter":{"model":"sim"},"rate_per_s":4,
        "edit":{"params":{"simulate":{"fail_at_token":null}}}})");
  INFO(started.body);
  REQUIRE(started.status == 202);
  auto id = std::string{json::parse(started.body).at("id").as_string()};
  const auto path = "/v1/dead-letters/replays/" + id;
  // 503 while a node that just started reads its runs.
  auto run = [&] {
    auto answer = troupe::bench::fetch(f.node.port(), "GET", path);
    while (answer.status == 503)
      answer = troupe::bench::fetch(f.node.port(), "GET", path);
    REQUIRE(answer.status == 200);
    return json::parse(answer.body);
  };
  auto count = [&](const char* what) {
    return run().at("counts").at(what).to_number<int>();
  };
  while (count("submitted") < 2)
    ;
  f.restart();
  while (run().at("status") != "completed")
    ;
  for (const auto* what : {"matched", "submitted", "completed"}) {
    INFO(what);
    CHECK(count(what) == 6);
  }
  CHECK(f.node.get("/v1/jobs?limit=100").at("data").as_array().size() == 12);
  CHECK(f.node.get("/v1/dead-letters").at("data").as_array().empty());
}
