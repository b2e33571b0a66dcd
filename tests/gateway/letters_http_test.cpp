// Dead letters and replays, as clients meet them.
#include "tests/support/gateway_under_test.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>

namespace json = boost::json;
namespace runtime = troupe::runtime;
using runtime::letter_reason;
using troupe::tests::gateway_under_test;
using troupe::tests::json_text;
using troupe::tests::raw_reply;

namespace {

raw_reply remove(const gateway_under_test& node, const std::string& path) {
  return troupe::tests::ask(node.port(), "DELETE " + path
                                           + " HTTP/1.1\r\nHost: "
                                             "localhost\r\n\r\n");
}

json::value as_json(const std::string& text) {
  return json::value(json::string_view{text});
}

/// A node with a dead letter.
struct fixture {
  explicit fixture(letter_reason reason = letter_reason::attempts_exhausted,
                   runtime::job_spec spec = {})
    : id{node.jobs().dead_letter(reason, std::move(spec)).str()},
      path{"/v1/dead-letters/" + id} {}

  json::value entry() const {
    auto reply = node.get(path);
    INFO(reply.body);
    REQUIRE(reply.status == 200);
    return json::parse(reply.body);
  }
  std::vector<std::string> listed(const std::string& query = "") const {
    auto reply = node.get("/v1/dead-letters" + query);
    INFO(query << " " << reply.body);
    REQUIRE(reply.status == 200);
    std::vector<std::string> ids;
    const auto page = json::parse(reply.body);
    for (const auto& x : page.at("data").as_array())
      ids.emplace_back(x.at("id").as_string());
    return ids;
  }

  gateway_under_test node;
  std::string id;
  std::string path;
};

using ids = std::vector<std::string>;

} // namespace

TEST_CASE("a dead letter is listed, without what takes long to read",
          "[gateway][dlq]") {
  fixture f;
  f.node.submit(); // Alive: no letter.
  auto page = json::parse(f.node.get("/v1/dead-letters").body);
  REQUIRE(page.at("data").as_array().size() == 1);
  const auto& row = page.at("data").at(0);
  CHECK(row.at("id") == as_json(f.id));
  CHECK(row.at("object") == "dead_letter");
  CHECK(row.at("state") == "dead");
  CHECK(row.at("reason") == "attempts_exhausted");
  CHECK(row.at("model") == "sim");
  CHECK(row.at("class") == "standard");
  CHECK(row.at("service_tier") == "default");
  CHECK(row.at("died_at").is_string());
  CHECK(row.at("attempt_count") == 1);
  CHECK(row.at("has_partial") == false);
  CHECK(row.at("replayed_as").is_null());
  CHECK(row.at("error").at("message") == "bad");
  CHECK_FALSE(row.as_object().contains("attempts"));
  CHECK_FALSE(row.as_object().contains("request"));
  CHECK(page.at("first_id") == as_json(f.id));
  CHECK(page.at("has_more") == false);
}

TEST_CASE("a dead letter shows its request and every attempt",
          "[gateway][dlq]") {
  fixture f{
    letter_reason::poison,
    {.model = "sim",
     .text = "why",
     .metadata = {{"k", "v"}},
     .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}};
  auto x = f.entry();
  CHECK(x.at("reason") == "poison");
  CHECK(x.at("metadata").at("k") == "v");
  CHECK(x.at("trace_id") == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(x.at("request").at("model") == "sim");
  CHECK(x.at("request").at("input") == "why");
  REQUIRE(x.at("attempts").as_array().size() == 2);
  const auto& first = x.at("attempts").at(0);
  CHECK(first.at("attempt") == 1);
  CHECK(first.at("model") == "sim");
  CHECK(first.at("worker") == "sim/0@a");
  CHECK(first.at("started_at").is_string());
  CHECK(first.at("ended_at").is_string());
  CHECK(first.at("error").at("code") == "worker_lost");
  CHECK(x.at("attempts").at(1).at("error").at("code") == "poison");
}

TEST_CASE("filters of dead letters", "[gateway][dlq]") {
  fixture f;
  auto poison =
    f.node.jobs()
      .dead_letter(letter_reason::poison, {.model = "writer",
                                           .job_class = "batch",
                                           .tier = runtime::service_tier::flex})
      .str();
  CHECK(f.listed() == ids{poison, f.id});
  CHECK(f.listed("?order=asc") == ids{f.id, poison});
  CHECK(f.listed("?order=asc&limit=1") == ids{f.id});
  CHECK(f.listed("?order=asc&after=" + f.id) == ids{poison});
  CHECK(f.listed("?reason=poison") == ids{poison});
  CHECK(f.listed("?model=sim") == ids{f.id});
  CHECK(f.listed("?class=batch") == ids{poison});
  CHECK(f.listed("?service_tier=flex&service_tier=priority") == ids{poison});
  CHECK(f.listed("?state=replayed&state=dropped").empty());
  CHECK(f.listed("?metadata[k]=v").empty());
  CHECK(f.listed("?died_before=2020-01-01T00:00:00Z").empty());
  CHECK(f.listed("?died_after=2020-01-01T00:00:00Z").size() == 2);
}

TEST_CASE("a wrong filter is named", "[gateway][dlq]") {
  fixture f;
  for (const std::string name :
       {"state", "reason", "service_tier", "died_after", "died_before", "limit",
        "order", "metadata[]", "status", "nonsense"}) {
    auto reply = f.node.get("/v1/dead-letters?" + name + "=wrong");
    INFO(name << " " << reply.body);
    CHECK(reply.status == 422);
    CHECK(reply.body.find("\"?" + name + "\"") != std::string::npos);
  }
  CHECK(f.node.get("/v1/dead-letters?after=wrong").status == 400);
}

TEST_CASE("what is no dead letter is not found", "[gateway][dlq]") {
  fixture f;
  auto alive = f.node.submit();
  auto foreign = f.node.jobs().foreign_job().str();
  for (const auto& id :
       {alive, foreign, std::string{"x"}, "job_" + std::string(26, '0')}) {
    INFO(id);
    const auto path = "/v1/dead-letters/" + id;
    CHECK(f.node.get(path).status == 404);
    CHECK(f.node.post(path + "/replay", "{}").status == 404);
    CHECK(remove(f.node, path).status == 404);
  }
  CHECK(f.node.post("/v1/jobs/" + foreign + "/replay", "{}").status == 404);
}

TEST_CASE("a replayed letter is one new job, however often it is asked for",
          "[gateway][dlq]") {
  fixture f{letter_reason::attempts_exhausted,
            {.model = "sim",
             .text = "again",
             .tier = runtime::service_tier::flex,
             .metadata = {{"a", "1"}}}};
  auto first = f.node.post(f.path + "/replay", "");
  INFO(first.body);
  REQUIRE(first.status == 202);
  auto id = json_text(first.body, "id");
  CHECK(id != f.id);
  CHECK(json_text(first.body, "replay_of") == f.id);
  CHECK(first.field("location") == "/v1/jobs/" + id);
  auto spec = f.node.jobs().spec_of(runtime::job_id::parse(id).value());
  CHECK(spec.text == "again");
  CHECK(spec.tier == runtime::service_tier::flex);
  CHECK(spec.metadata.at("a") == "1");
  for (const auto& path :
       {f.path + "/replay", "/v1/jobs/" + f.id + "/replay"}) {
    auto again = f.node.post(path, "{}");
    CHECK(again.status == 200);
    CHECK(json_text(again.body, "id") == id);
  }
  CHECK(f.node.jobs().submitted() == 2);
  auto entry = f.entry();
  CHECK(entry.at("state") == "replayed");
  CHECK(entry.at("replayed_as") == as_json(id));
  CHECK(f.listed().empty());
  CHECK(f.listed("?state=replayed") == ids{f.id});
}

TEST_CASE("an edit changes what is replayed and nothing else",
          "[gateway][dlq]") {
  runtime::job_spec spec{.model = "sim", .text = "long"};
  spec.simulate = runtime::simulate_params{.fail_at_token = 1};
  spec.metadata = {{"a", "1"}, {"b", "2"}};
  fixture f{letter_reason::attempts_exhausted, spec};
  auto reply = f.node.post(f.path + "/replay", R"({"edit":{
    "input":"short","params":{"simulate":{"fail_at_token":null,"tokens":2}},
    "service_tier":"priority","metadata":{"a":null,"c":"3"}}})");
  INFO(reply.body);
  REQUIRE(reply.status == 202);
  auto made = f.node.jobs().spec_of(
    runtime::job_id::parse(json_text(reply.body, "id")).value());
  CHECK(made.text == "short");
  CHECK_FALSE(made.simulate->fail_at_token);
  CHECK(made.simulate->tokens == 2);
  CHECK(made.tier == runtime::service_tier::priority);
  CHECK(made.metadata
        == std::map<std::string, std::string>{{"b", "2"}, {"c", "3"}});
  // The letter keeps the request that failed.
  CHECK(f.entry().at("request").at("input") == "long");
}

TEST_CASE("a dry run shows the request and changes nothing", "[gateway][dlq]") {
  fixture f;
  auto reply = f.node.post(f.path + "/replay",
                           R"({"dry_run":true,"edit":{"class":"batch"}})");
  INFO(reply.body);
  REQUIRE(reply.status == 200);
  auto seen = json::parse(reply.body);
  CHECK(seen.at("would_replay") == true);
  CHECK(seen.at("object") == "estimate");
  CHECK(seen.at("admitted") == true);
  CHECK(seen.at("cost").as_object().contains("p90"));
  CHECK(seen.at("request").at("class") == "batch");
  CHECK(seen.at("request").at("input") == "Package: dead");
  CHECK(f.node.jobs().submitted() == 1);
  CHECK(f.listed() == ids{f.id});
  REQUIRE(f.node.post(f.path + "/replay", "").status == 202);
  seen =
    json::parse(f.node.post(f.path + "/replay", R"({"dry_run":true})").body);
  CHECK(seen.at("would_replay") == false);
  CHECK(seen.at("replayed_as").is_string());
}

TEST_CASE("a replay with a key is repeated as it was", "[gateway][dlq]") {
  fixture f;
  const std::string key = "Idempotency-Key: k-1\r\n";
  const auto ask = [&](const std::string& body, const std::string& fields) {
    return f.node.post(f.path + "/replay", body, fields);
  };
  auto first = ask(R"({"edit":{"input":"x","class":"batch"}})", key);
  INFO(first.body);
  REQUIRE(first.status == 202);
  CHECK(first.field("idempotency-replayed").empty());
  auto id = json_text(first.body, "id");
  auto again = ask(R"({"edit":{"class":"batch","input":"x"}})", key);
  CHECK(again.status == 202);
  CHECK(again.field("idempotency-replayed") == "true");
  CHECK(again.field("location") == "/v1/jobs/" + id);
  CHECK(json_text(again.body, "id") == id);
  auto other = ask(R"({"edit":{"input":"y"}})", key);
  CHECK(other.status == 422);
  CHECK(json_text(other.body, "type") == "/problems/idempotency-mismatch");
  for (const std::string fields : {"", "Idempotency-Key: k-2\r\n"}) {
    auto late = ask("", fields);
    CHECK(late.status == 200);
    CHECK(late.field("idempotency-replayed").empty());
    CHECK(json_text(late.body, "id") == id);
  }
  CHECK(ask("", "Idempotency-Key: a b\r\n").status == 422);
  CHECK(f.node.jobs().submitted() == 2);
}

TEST_CASE("a job's replay with a key is one job", "[gateway][dlq]") {
  gateway_under_test node;
  const auto path = "/v1/jobs/" + node.submit() + "/replay";
  node.jobs().complete(node.jobs().job());
  const std::string key = "Idempotency-Key: k-1\r\n";
  auto first = node.post(path, "", key);
  REQUIRE(first.status == 202);
  auto again = node.post(path, "{}", key);
  CHECK(again.status == 202);
  CHECK(again.field("idempotency-replayed") == "true");
  CHECK(json_text(again.body, "id") == json_text(first.body, "id"));
  CHECK(node.post(path, R"({"edit":{"input":"y"}})", key).status == 422);
  CHECK(node.jobs().submitted() == 2);
  CHECK(node.post(path, "", "Idempotency-Key: k-2\r\n").status == 202);
  CHECK(node.jobs().submitted() == 3);
}

TEST_CASE("a bad edit is refused with the place in the edit",
          "[gateway][dlq]") {
  fixture f;
  struct wrong {
    std::string body, pointer;
  };
  for (const auto& x : std::vector<wrong>{
         {R"({"edit":{"params":{"temperature":9}}})",
          "/edit/params/temperature"},
         {R"({"edit":{"input":null}})", "/edit/input"},
         {R"({"edit":{"nonsense":1}})", "/edit/nonsense"},
         {R"({"edit":{"max_attempts":"many"}})", "/edit/max_attempts"},
         {R"({"edit":[]})", "/edit"},
         {R"({"dry_run":"yes"})", "/dry_run"},
         {R"({"dryrun":true})", "/dryrun"},
         {R"([])", ""}}) {
    auto reply = f.node.post(f.path + "/replay", x.body);
    INFO(x.body << " " << reply.body);
    CHECK(reply.status == 422);
    CHECK(reply.body.find("\"pointer\":\"" + x.pointer + "\"")
          != std::string::npos);
  }
  CHECK(f.node.post(f.path + "/replay", "{").status == 400);
  CHECK(f.node.post(f.path + "/replay", R"({"edit":{"model":"nobody"}})").status
        == 404);
  CHECK(f.node.jobs().submitted() == 1);
  CHECK(f.listed() == ids{f.id});
}

TEST_CASE("poison is not replayed by just anybody", "[gateway][dlq]") {
  fixture f{letter_reason::poison};
  for (const auto& path :
       {f.path + "/replay", "/v1/jobs/" + f.id + "/replay"}) {
    auto reply = f.node.post(path, "");
    CHECK(reply.status == 403);
    CHECK(json_text(reply.body, "type") == "/problems/insufficient-scope");
  }
  // Nor behind a drop.
  CHECK(remove(f.node, f.path).status == 204);
  CHECK(f.node.post("/v1/jobs/" + f.id + "/replay", "").status == 403);
  CHECK(f.node.jobs().submitted() == 1);
}

TEST_CASE("an operator replays poison, with a reason", "[gateway][dlq]") {
  fixture f{letter_reason::poison};
  const auto admin = [&](const std::string& body) {
    return troupe::tests::ask(
      f.node.admin_port(),
      troupe::tests::post_request("/admin" + f.path + "/replay", body));
  };
  CHECK(admin("{}").status == 422);
  CHECK(admin(R"({"reason":""})").status == 422);
  CHECK(f.node.post(f.path + "/replay", R"({"reason":"x"})").status == 422);
  CHECK(f.node.post("/admin" + f.path + "/replay", "{}").status == 404);
  CHECK(f.node.jobs().submitted() == 1);
  auto reply = admin(R"({"reason":"the engine is mended"})");
  INFO(reply.body);
  REQUIRE(reply.status == 202);
  CHECK(json_text(reply.body, "replay_of") == f.id);
  CHECK(admin(R"({"reason":"again"})").status == 200);
  CHECK(f.node.jobs().submitted() == 2);
}

TEST_CASE("any job that has ended can be replayed, again and again",
          "[gateway][dlq]") {
  gateway_under_test node;
  auto id = node.submit();
  auto path = "/v1/jobs/" + id + "/replay";
  auto early = node.post(path, "");
  CHECK(early.status == 409);
  CHECK(json_text(early.body, "type") == "/problems/not-terminal");
  node.jobs().complete(node.jobs().job());
  for (int i = 0; i < 2; ++i) {
    auto reply = node.post(path, "{}");
    CHECK(reply.status == 202);
    CHECK(json_text(reply.body, "replay_of") == id);
  }
  CHECK(node.jobs().submitted() == 3);
  auto gone = node.submit();
  auto gone_id = node.jobs().job(3);
  node.jobs().complete(gone_id);
  node.jobs().retire(gone_id);
  CHECK(node.post("/v1/jobs/" + gone + "/replay", "").status == 410);
}

TEST_CASE("a full queue refuses a replay and the letter stays dead",
          "[gateway][dlq]") {
  fixture f;
  f.node.jobs().refuse_submissions(runtime::refused{
    .why = {runtime::errc::queue_full, "full"}, .retry_after_s = 3});
  auto reply = f.node.post(f.path + "/replay", "");
  CHECK(reply.status == 503);
  CHECK_FALSE(reply.field("retry-after").empty());
  CHECK(f.listed() == ids{f.id});
}

TEST_CASE("a dropped letter is listed no more and not replayed",
          "[gateway][dlq]") {
  fixture f;
  CHECK(remove(f.node, f.path).status == 204);
  CHECK(remove(f.node, f.path).status == 204);
  CHECK(f.listed().empty());
  CHECK(f.listed("?state=dropped") == ids{f.id});
  CHECK(f.entry().at("state") == "dropped");
  CHECK(f.node.post(f.path + "/replay", "").status == 404);
}

TEST_CASE("letters are dropped by filter, up to a number", "[gateway][dlq]") {
  fixture f;
  for (int i = 0; i < 149; ++i)
    f.node.jobs().dead_letter();
  auto poison = f.node.jobs().dead_letter(letter_reason::poison).str();
  const std::string all = "/v1/dead-letters?reason=attempts_exhausted";
  CHECK(remove(f.node, all + "&dry_run=true").body
        == R"({"matched":150,"dropped":0})");
  CHECK(remove(f.node, all + "&max=7").body == R"({"matched":7,"dropped":7})");
  CHECK(remove(f.node, all).body == R"({"matched":143,"dropped":143})");
  CHECK(remove(f.node, all).body == R"({"matched":0,"dropped":0})");
  CHECK(f.listed() == ids{poison});
  for (const std::string wrong :
       {"", "?max=5", "?dry_run=true", "?max=0&model=sim", "?state=replayed",
        "?max=10001&model=sim", "?model=sim&limit=5"}) {
    INFO(wrong);
    CHECK(remove(f.node, "/v1/dead-letters" + wrong).status == 422);
  }
  CHECK(f.listed() == ids{poison});
}
