// Replay runs, as clients meet them.
#include "tests/support/gateway_under_test.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>

namespace json = boost::json;
namespace runtime = troupe::runtime;
using troupe::tests::gateway_under_test;
using troupe::tests::json_text;
using troupe::tests::raw_reply;

namespace {

const std::string path = "/v1/dead-letters/replays";

raw_reply patch(const gateway_under_test& node, const std::string& where,
                const std::string& body) {
  auto request = troupe::tests::post_request(where, body);
  return troupe::tests::ask(node.port(), "PATCH" + request.substr(4));
}

std::string started(const gateway_under_test& node, const std::string& body) {
  auto reply = node.post(path, body);
  INFO(reply.body);
  REQUIRE(reply.status == 202);
  auto id = json_text(reply.body, "id");
  CHECK(reply.field("location") == path + "/" + id);
  return id;
}

} // namespace

TEST_CASE("a run is started, listed, shown and steered", "[gateway][dlq]") {
  gateway_under_test node;
  auto id = started(node, R"({"filter":{"state":"dead","model":"sim",
    "reason":["attempts_exhausted"],"class":"standard",
    "service_tier":["flex","default"],"died_after":"2026-01-01T00:00:00Z",
    "died_before":"2030-01-01T00:00:00Z"},"edit":{"input":"x"},
    "rate_per_s":5,"max":7,"order":"newest"})");
  CHECK(id.starts_with("rpl_"));
  auto run = json::parse(node.get(path + "/" + id).body);
  CHECK(run.at("object") == "replay_run");
  CHECK(run.at("status") == "running");
  CHECK(run.at("rate_per_s") == 5);
  CHECK(run.at("max") == 7);
  CHECK(run.at("order") == "newest");
  CHECK(run.at("counts").at("matched") == 0);
  CHECK(run.at("eta_s").is_null());
  auto second = started(node, R"({"filter":{"model":"sim"}})");
  auto all = json::parse(node.get(path).body);
  REQUIRE(all.at("data").as_array().size() == 2);
  CHECK(all.at("data").at(0).at("id").as_string() == second);
  for (const std::string word : {"pause", "pause"}) {
    auto reply = node.post(path + "/" + id + "/" + word, "");
    CHECK(reply.status == 200);
    CHECK(json_text(reply.body, "status") == "paused");
  }
  CHECK(json_text(node.post(path + "/" + id + "/resume", "{}").body, "status")
        == "running");
  auto faster = patch(node, path + "/" + id, R"({"rate_per_s":500})");
  CHECK(faster.status == 200);
  CHECK(json::parse(faster.body).at("rate_per_s") == 500);
  CHECK(json_text(node.post(path + "/" + id + "/cancel", "").body, "status")
        == "cancelled");
}

TEST_CASE("a run by ids knows how many there are", "[gateway][dlq]") {
  gateway_under_test node;
  auto letter = node.jobs().dead_letter().str();
  auto id = started(node, R"({"ids":[")" + letter + R"(",")" + letter
                            + R"("],"rate_per_s":0.5})");
  auto run = json::parse(node.get(path + "/" + id).body);
  CHECK(run.at("counts").at("matched") == 1);
  CHECK(run.at("eta_s") == 2);
}

TEST_CASE("every mistake of a run is named", "[gateway][dlq]") {
  gateway_under_test node;
  struct wrong {
    std::string body, pointer;
  };
  for (const auto& x : std::vector<wrong>{
         {R"({})", ""},
         {R"({"filter":{"model":"a"},"ids":["x"]})", ""},
         {R"({"filter":{}})", "/filter"},
         {R"({"filter":{"state":"replayed"}})", "/filter/state"},
         {R"({"filter":{"reason":"tired"}})", "/filter/reason"},
         {R"({"filter":{"reason":[]}})", "/filter/reason"},
         {R"({"filter":{"model":7}})", "/filter/model"},
         {R"({"filter":{"service_tier":["vip"]}})", "/filter/service_tier"},
         {R"({"filter":{"died_after":"today"}})", "/filter/died_after"},
         {R"({"filter":{"metadata":{}}})", "/filter/metadata"},
         {R"({"filter":{"nonsense":1}})", "/filter/nonsense"},
         {R"({"ids":[]})", "/ids"},
         {R"({"ids":["x"]})", "/ids"},
         {R"({"ids":[1]})", "/ids"},
         {R"({"filter":{"model":"a"},"edit":[]})", "/edit"},
         {R"({"filter":{"model":"a"},"rate_per_s":0})", "/rate_per_s"},
         {R"({"filter":{"model":"a"},"rate_per_s":501})", "/rate_per_s"},
         {R"({"filter":{"model":"a"},"rate_per_s":NaN})", "/rate_per_s"},
         {R"({"filter":{"model":"a"},"max":0})", "/max"},
         {R"({"filter":{"model":"a"},"order":"best"})", "/order"},
         {R"({"filter":{"model":"a"},"dry_run":1})", "/dry_run"},
         {R"({"filter":{"model":"a"},"nonsense":1})", "/nonsense"}}) {
    auto reply = node.post(path, x.body);
    INFO(x.body << " " << reply.body);
    CHECK(reply.status == 422);
    CHECK(reply.body.find("\"pointer\":\"" + x.pointer + "\"")
          != std::string::npos);
  }
  CHECK(json::parse(node.get(path).body).at("data").as_array().empty());
}

TEST_CASE("an unknown run is not found, a wrong rate refused",
          "[gateway][dlq]") {
  gateway_under_test node;
  for (const std::string id :
       {"x", "rpl_x", "rpl_01k3x9m2c8f4t7q0v5zr1ndbhe"}) {
    INFO(id);
    CHECK(node.get(path + "/" + id).status == 404);
    CHECK(node.post(path + "/" + id + "/pause", "").status == 404);
    CHECK(patch(node, path + "/" + id, R"({"rate_per_s":1})").status == 404);
  }
  auto id = started(node, R"({"filter":{"model":"sim"}})");
  for (const std::string body :
       {"{}", R"({"rate_per_s":0})", R"({"rate_per_s":"fast"})",
        R"({"rate_per_s":1,"x":2})", "[]"})
    CHECK(patch(node, path + "/" + id, body).status == 422);
  CHECK(node.get(path + "?limit=1").status == 422);
}

TEST_CASE("a dry run counts, tries the edit on samples and starts nothing",
          "[gateway][dlq]") {
  gateway_under_test node;
  for (int i = 0; i < 120; ++i)
    node.jobs().dead_letter();
  node.jobs().dead_letter(runtime::letter_reason::poison);
  auto reply = node.post(path, R"({"filter":{"model":"sim"},"dry_run":true})");
  INFO(reply.body);
  REQUIRE(reply.status == 200);
  auto seen = json::parse(reply.body);
  CHECK(seen.at("matched") == 121);
  CHECK(seen.at("would_replay") == 120);
  CHECK(seen.at("by_reason").at("poison") == 1);
  CHECK(seen.at("by_model").at("sim") == 121);
  CHECK(seen.at("sample_ids").as_array().size() == 10);
  CHECK(seen.at("invalid").as_array().empty());
  seen = json::parse(node
                       .post(path, R"({"filter":{"model":"sim"},"max":105,
    "edit":{"max_attempts":99},"dry_run":true})")
                       .body);
  CHECK(seen.at("matched") == 105);
  CHECK(seen.at("invalid").as_array().size() == 10);
  auto letter = json::value_to<std::string>(seen.at("sample_ids").at(0));
  seen = json::parse(
    node.post(path, R"({"ids":[")" + letter + R"("],"dry_run":true})").body);
  CHECK(seen.at("would_replay") == 1);
  CHECK(json::parse(node.get(path).body).at("data").as_array().empty());
  CHECK(node.jobs().submitted() == 121);
}
