// tidy: length: one case per behaviour of the job endpoints
// The job endpoints as a well-behaved client uses them.
#include "gateway/http_status.hpp"
#include "tests/support/gateway_under_test.hpp"

#include <catch2/catch_test_macros.hpp>

#include <mutex>
#include <set>
#include <thread>

namespace gateway = troupe::gateway;
namespace runtime = troupe::runtime;
using troupe::tests::gateway_under_test;
using troupe::tests::get_request;
using troupe::tests::json_text;
using troupe::tests::post_request;
using troupe::tests::raw_client;

namespace {

const std::string body = R"({"model":"sim","input":"Hi"})";

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

runtime::job_id id_of(const std::string& text) {
  return runtime::job_id::parse(text).value();
}

} // namespace

TEST_CASE("a created job answers 202 with where it is", "[gateway][jobs]") {
  gateway_under_test node;
  const auto reply = node.post("/v1/jobs", body);
  REQUIRE(reply.status == 202);
  const auto id = json_text(reply.body, "id");
  CHECK(reply.field("location") == "/v1/jobs/" + id);
  CHECK(reply.field("etag") == "W/\"1\"");
  CHECK(reply.field("content-type") == "application/json");
  CHECK(reply.field("x-request-id").size() == 30);
  CHECK(reply.field("date").ends_with(" GMT"));
  CHECK(json_text(reply.body, "status") == "queued");
  CHECK(json_text(reply.body, "model") == "sim");
  CHECK(json_text(reply.body, "events") == "/v1/jobs/" + id + "/events");
  CHECK(contains(reply.body, "\"durable\":true"));
  CHECK(contains(reply.body, "\"output\":null"));
  CHECK(contains(reply.body,
                 "\"queue\":{\"position\":0,\"estimated_start_s\":0.25}"));
}

TEST_CASE("every field of a body reaches the specification",
          "[gateway][jobs]") {
  gateway_under_test node;
  node.submit(R"({"model":"sim","task":"chat","input":[
    {"role":"system","content":"Be brief."},
    {"role":"user","content":[{"type":"text","text":"a"},
                              {"type":"text","text":"b"}]}],
    "params":{"max_output_tokens":7,"temperature":0.5,"top_p":0.25,"top_k":3,
      "stop":["x","y"],"seed":-9223372036854775808,"presence_penalty":-1,
      "frequency_penalty":1.5,"top_logprobs":0,
      "simulate":{"service_s":0.5,"tokens":9,"fail_at_token":2,
        "fail_code":"invalid","hang":true,"crash":true,"predicted_s":3}},
    "class":"batch","service_tier":"priority",
    "deadline":{"start_timeout_s":1.5,"total_timeout_s":2,
      "on_deadline":"fail"},
    "resume":"never","max_attempts":5,"retention_s":60,"fallbacks":[],
    "degradation":"forbid","truncation":"auto",
    "metadata":{"b":"2","a":"1"}})");
  const auto spec = node.jobs().spec_of(node.jobs().job());
  CHECK(spec.tenant == "default");
  CHECK(spec.task == runtime::task_kind::chat);
  REQUIRE(spec.messages.size() == 2);
  CHECK(spec.messages[0].role == "system");
  CHECK(spec.messages[1].content == "ab");
  CHECK(spec.truncation_auto);
  CHECK(spec.params.max_output_tokens == 7);
  CHECK(spec.params.temperature == 0.5);
  CHECK(spec.params.top_p == 0.25);
  CHECK(spec.params.top_k == 3);
  CHECK(spec.params.stop == std::vector<std::string>{"x", "y"});
  CHECK(spec.params.seed == INT64_MIN);
  CHECK(spec.params.presence_penalty == -1.0);
  CHECK(spec.params.frequency_penalty == 1.5);
  REQUIRE(spec.simulate);
  CHECK(spec.simulate->service_s == 0.5);
  CHECK(spec.simulate->tokens == 9u);
  CHECK(spec.simulate->fail_at_token == 2u);
  CHECK(spec.simulate->fail_code == "invalid");
  CHECK(spec.simulate->hang);
  CHECK(spec.simulate->crash);
  CHECK(spec.simulate->predicted_s == 3.0);
  CHECK(spec.job_class == "batch");
  CHECK(spec.tier == runtime::service_tier::priority);
  CHECK(spec.deadline.start_timeout == std::chrono::milliseconds{1500});
  CHECK(spec.deadline.total_timeout == std::chrono::seconds{2});
  CHECK(spec.deadline.action == runtime::deadline_action::fail);
  CHECK(spec.resume == runtime::resume_mode::never);
  CHECK(spec.max_attempts == 5);
  CHECK(spec.retention == std::chrono::seconds{60});
  CHECK(spec.metadata
        == std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}});
  node.submit(R"({"model":"writer","input":"Package: x"})");
  const auto other = node.jobs().spec_of(node.jobs().job(1));
  CHECK(other.task == runtime::task_kind::complete);
  CHECK(other.text == "Package: x");
}

TEST_CASE("a finished job shows its output and times", "[gateway][jobs]") {
  gateway_under_test node;
  const auto id = node.submit(R"({"model":"sim","input":"Hi",)"
                              R"("metadata":{"k":"\"v\"\u0001"}})");
  const auto live = node.get("/v1/jobs/" + id + "/result");
  CHECK(live.status == 202);
  CHECK(live.field("retry-after") == "1");
  node.jobs().complete(id_of(id), "He said \"\xC3\xA9\"\n");
  const auto job = node.get("/v1/jobs/" + id);
  CHECK(job.status == 200);
  CHECK(json_text(job.body, "status") == "completed");
  CHECK(contains(job.body, R"("text":"He said \"é\"\n")"));
  CHECK(contains(job.body, R"("metadata":{"k":"\"v\"\u0001"})"));
  CHECK(contains(job.body, R"("finish_reason":"stop")"));
  CHECK(contains(job.field("server-timing"), "queue;dur="));
  const auto result = node.get("/v1/jobs/" + id + "/result");
  CHECK(result.status == 200);
  CHECK(json_text(result.body, "job_id") == id);
  CHECK(contains(result.body, R"("usage":{"input_tokens":5)"));
  CHECK(contains(result.body, R"("timing":{"queue_ms":)"));
  CHECK(contains(result.body, R"("error":null)"));
}

TEST_CASE("a failed job says why", "[gateway][jobs]") {
  gateway_under_test node;
  const auto id = node.submit();
  node.jobs().start(id_of(id));
  node.jobs().fail(id_of(id), {runtime::errc::model_error, "no such layer"});
  const auto result = node.get("/v1/jobs/" + id + "/result");
  CHECK(result.status == 200);
  CHECK(contains(result.body, R"("error":{"code":"model_error","message":)"
                              R"("no such layer","source":"troupe"})"));
}

TEST_CASE("a retired job keeps its record only", "[gateway][jobs]") {
  gateway_under_test node;
  const auto id = node.submit();
  node.jobs().complete(id_of(id));
  node.jobs().retire(id_of(id));
  CHECK(node.get("/v1/jobs/" + id).status == 200);
  const auto result = node.get("/v1/jobs/" + id + "/result");
  CHECK(result.status == 410);
  CHECK(json_text(result.body, "type") == "/problems/result-expired");
  for (const std::string_view query : {"", "?stream=true"}) {
    const auto events =
      node.get("/v1/jobs/" + id + "/events" + std::string{query});
    CHECK(events.status == 410);
    CHECK(json_text(events.body, "type") == "/problems/cursor-expired");
  }
}

TEST_CASE("cancel ends a job once and tells why", "[gateway][jobs]") {
  gateway_under_test node;
  const auto id = node.submit();
  const auto path = "/v1/jobs/" + id + "/cancel";
  const auto first = node.post(path, R"({"reason":"user left"})");
  CHECK(first.status == 200);
  CHECK(json_text(first.body, "status") == "cancelled");
  const auto again = troupe::tests::ask(
    node.port(), "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(again.status == 200);
  CHECK(again.field("etag") == first.field("etag"));
  const auto page = node.get("/v1/jobs/" + id + "/events");
  CHECK(contains(page.body, R"("reason":"user left")"));
}

TEST_CASE("a class may wait for the end, or be ephemeral, unless the request "
          "says otherwise",
          "[gateway][jobs]") {
  gateway::gateway_config config;
  config.classes["interactive"] = {.wait = std::chrono::seconds{10},
                                   .durable = false};
  gateway_under_test node{config};
  node.jobs().complete_at_once(true);
  const std::string quick =
    R"({"model":"sim","input":"Hi","class":"interactive"})";
  const auto ended = node.post("/v1/jobs", quick);
  CHECK(ended.status == 200);
  CHECK(contains(ended.body, R"("text":"Hello.")"));
  CHECK(ended.field("preference-applied").empty());
  CHECK(node.post("/v1/jobs", quick, "Prefer: respond-async\r\n").status
        == 202);
  CHECK(node.post("/v1/jobs", quick, "Prefer: wait=0\r\n").status == 202);
  CHECK(node.post("/v1/jobs", quick, "Prefer: wait=5\r\n")
          .field("preference-applied")
        == "wait=5");
  CHECK(node.post("/v1/jobs", body).status == 202);
  CHECK_FALSE(node.jobs().spec_of(node.jobs().job(0)).durable);
  CHECK(node.jobs().spec_of(node.jobs().job(4)).durable);
  node.post("/v1/jobs", R"({"model":"sim","input":"Hi","class":"interactive",)"
                        R"("durable":true})");
  CHECK(node.jobs().spec_of(node.jobs().job(5)).durable);
}

TEST_CASE("Prefer: wait answers with the end or with 202", "[gateway][jobs]") {
  gateway_under_test node;
  node.jobs().complete_at_once(true);
  const auto ended = node.post("/v1/jobs", body, "Prefer: wait=10\r\n");
  CHECK(ended.status == 200);
  CHECK(ended.field("preference-applied") == "wait=10");
  CHECK(ended.field("location").starts_with("/v1/jobs/job_"));
  CHECK(contains(ended.body, R"("text":"Hello.")"));
  node.jobs().complete_at_once(false);
  const auto live = node.post("/v1/jobs", body, "Prefer: wait=1\r\n");
  CHECK(live.status == 202);
  CHECK(live.field("preference-applied") == "wait=1");
  const auto async = node.post("/v1/jobs", body, "Prefer: respond-async\r\n");
  CHECK(async.status == 202);
  CHECK(async.field("preference-applied") == "respond-async");
  const auto capped = [&] {
    raw_client client{node.port()};
    client.send(post_request("/v1/jobs", body, "Prefer: wait=600\r\n"));
    node.jobs().complete(node.jobs().job(3));
    return client.read_reply();
  }();
  REQUIRE(capped);
  CHECK(capped->status == 200);
  CHECK(capped->field("preference-applied") == "wait=60");
  CHECK(node.jobs().wait_for_readers(0));
}

TEST_CASE("a long poll wakes on a newer version", "[gateway][jobs]") {
  gateway_under_test node;
  const auto id = node.submit();
  raw_client poll{node.port()};
  poll.send(get_request("/v1/jobs/" + id + "?if_version=1&wait_s=30"));
  REQUIRE(node.jobs().wait_for_readers(1));
  node.jobs().start(id_of(id));
  auto reply = poll.read_reply();
  REQUIRE(reply);
  CHECK(reply->status == 200);
  CHECK(json_text(reply->body, "status") == "in_progress");
  const auto tag = reply->field("etag");
  // The same connection again, by entity tag.
  poll.send(get_request("/v1/jobs/" + id,
                        "If-None-Match: " + tag + "\r\nPrefer: wait=30\r\n"));
  REQUIRE(node.jobs().wait_for_readers(1));
  node.jobs().output(id_of(id), "Hi");
  node.jobs().finish(id_of(id));
  reply = poll.read_reply();
  REQUIRE(reply);
  CHECK(reply->status == 200);
  CHECK(reply->field("etag") != tag);
  // Nothing changes any more.
  for (const std::string_view wait : {"", "Prefer: wait=30\r\n"}) {
    const auto same =
      node.get("/v1/jobs/" + id,
               "If-None-Match: " + node.get("/v1/jobs/" + id).field("etag")
                 + "\r\n" + std::string{wait});
    CHECK(same.status == 304);
    CHECK(same.body.empty());
  }
  CHECK(node.jobs().wait_for_readers(0));
}

TEST_CASE("a long poll ends with 304 at its limit", "[gateway][jobs]") {
  gateway_under_test node;
  const auto id = node.submit();
  const auto reply = node.get("/v1/jobs/" + id + "?if_version=1&wait_s=1");
  CHECK(reply.status == 304);
  CHECK(reply.field("etag") == "W/\"1\"");
  CHECK(node.jobs().wait_for_readers(0));
}

TEST_CASE("a client that leaves a long poll is forgotten", "[gateway][jobs]") {
  gateway_under_test node;
  const auto id = node.submit();
  {
    raw_client poll{node.port()};
    poll.send(get_request("/v1/jobs/" + id + "?if_version=1&wait_s=60"));
    REQUIRE(node.jobs().wait_for_readers(1));
  }
  CHECK(node.jobs().wait_for_readers(0));
  raw_client poll{node.port()};
  poll.send(get_request("/v1/jobs/" + id + "?if_version=1&wait_s=60"));
  REQUIRE(node.jobs().wait_for_readers(1));
  poll.reset();
  CHECK(node.jobs().wait_for_readers(0));
  CHECK(gateway_under_test::falls_to(node.counters().connections_open, 0));
}

TEST_CASE("a request pipelined behind a long poll is served after it",
          "[gateway][jobs]") {
  gateway_under_test node;
  const auto id = node.submit();
  raw_client poll{node.port()};
  poll.send(get_request("/v1/jobs/" + id + "?if_version=1&wait_s=30"));
  REQUIRE(node.jobs().wait_for_readers(1));
  poll.send(get_request("/healthz"));
  node.jobs().start(id_of(id));
  const auto first = poll.read_reply();
  REQUIRE(first);
  CHECK(json_text(first->body, "status") == "in_progress");
  const auto second = poll.read_reply();
  REQUIRE(second);
  CHECK(json_text(second->body, "status") == "ok");
}

TEST_CASE("an idempotency key names one job", "[gateway][jobs]") {
  gateway_under_test node;
  const std::string key = "Idempotency-Key: k-1\r\n";
  const auto first = node.post("/v1/jobs", body, key);
  CHECK(first.status == 202);
  CHECK(first.field("idempotency-replayed").empty());
  const auto id = json_text(first.body, "id");
  // Another spelling of the same document, and the key as a structured string.
  const auto again =
    node.post("/v1/jobs", "{ \"input\" : \"Hi\", \"model\":\"s\\u0069m\" }",
              "Idempotency-Key: \"k-1\"\r\n");
  CHECK(again.status == 202);
  CHECK(again.field("idempotency-replayed") == "true");
  CHECK(json_text(again.body, "id") == id);
  const auto other =
    node.post("/v1/jobs", R"({"model":"sim","input":"Ho"})", key);
  CHECK(other.status == 422);
  CHECK(json_text(other.body, "type") == "/problems/idempotency-mismatch");
  CHECK(node.jobs().submitted() == 1);
  for (const auto& bad : {std::string{"a b"}, std::string(256, 'x'),
                          std::string{"\"\""}, std::string{"\xC3\xA9"}}) {
    INFO(bad);
    CHECK(node.post("/v1/jobs", body, "Idempotency-Key: " + bad + "\r\n").status
          == 422);
  }
  CHECK(
    node.post("/v1/jobs", body, "Idempotency-Key: a\r\nIdempotency-Key: b\r\n")
      .status
    == 422);
  // A refused request records nothing.
  node.jobs().refuse_submissions(
    runtime::refused{{runtime::errc::queue_full, ""}, 1});
  CHECK(node.post("/v1/jobs", body, "Idempotency-Key: k-2\r\n").status == 503);
  node.jobs().refuse_submissions(std::nullopt);
  CHECK(node.post("/v1/jobs", body, "Idempotency-Key: k-2\r\n")
          .field("idempotency-replayed")
          .empty());
}

TEST_CASE("a repeat during the first commit waits, then gets 409",
          "[gateway][jobs]") {
  gateway::gateway_config config;
  config.limits.idempotency_wait = std::chrono::milliseconds{200};
  gateway_under_test node{config};
  const std::string key = "Idempotency-Key: k\r\n";
  CHECK(node.post("/v1/jobs", body, key).status == 202);
  node.jobs().hold_idempotency(true);
  const auto busy = node.post("/v1/jobs", body, key);
  CHECK(busy.status == 409);
  CHECK(json_text(busy.body, "type") == "/problems/idempotency-in-progress");
  CHECK(busy.field("retry-after") == "1");
  CHECK(busy.field("x-should-retry") == "true");
  node.jobs().hold_idempotency(false);
  CHECK(node.post("/v1/jobs", body, key).field("idempotency-replayed")
        == "true");
}

TEST_CASE("lists page through all jobs of the tenant", "[gateway][jobs]") {
  gateway_under_test node;
  std::set<std::string> all;
  for (int i = 0; i < 7; ++i)
    all.insert(node.submit());
  node.jobs().foreign_job();
  for (const std::string order : {"asc", "desc"}) {
    std::set<std::string> seen;
    std::string after;
    for (int page = 0; page < 4; ++page) {
      const auto reply = node.get("/v1/jobs?limit=3&order=" + order + after);
      REQUIRE(reply.status == 200);
      CHECK(contains(reply.body, R"("object":"list")"));
      for (const auto& id : all)
        if (contains(reply.body, "\"id\":\"" + id))
          seen.insert(id);
      CHECK(contains(reply.body,
                     page < 2 ? R"("has_more":true)" : R"("has_more":false)"));
      after = "&after=" + json_text(reply.body, "last_id");
      if (page >= 2)
        break;
    }
    CHECK(seen == all);
  }
  node.jobs().complete(node.jobs().job(2));
  const auto done = node.get("/v1/jobs?status=completed&status=failed");
  CHECK(contains(done.body, node.jobs().job(2).str()));
  CHECK_FALSE(contains(done.body, node.jobs().job(1).str()));
  CHECK_FALSE(contains(done.body, R"("output")"));
}

TEST_CASE("lists filter by metadata", "[gateway][jobs]") {
  gateway_under_test node;
  auto submit = [&](const std::string& metadata) {
    const auto reply = node.post(
      "/v1/jobs", R"({"model":"sim","input":"x","metadata":)" + metadata + "}");
    REQUIRE(reply.status == 202);
    return json_text(reply.body, "id");
  };
  const auto none = submit("{}");
  const auto one = submit(R"({"run":"1","k]":"a&b"})");
  const auto two = submit(R"({"run":"2"})");
  auto listed = [&](const std::string& query) {
    const auto reply = node.get("/v1/jobs?" + query);
    REQUIRE(reply.status == 200);
    std::string found;
    for (const auto& id : {none, one, two})
      found += contains(reply.body, "\"id\":\"" + id) ? '1' : '0';
    return found;
  };
  CHECK(listed("metadata[run]=1") == "010");
  CHECK(listed("metadata%5Brun%5D=1&metadata%5Brun%5D=2") == "011");
  CHECK(listed("metadata[run]=1&metadata[k]]=a%26b") == "010");
  CHECK(listed("metadata[run]=2&metadata[k]]=a%26b") == "000");
  CHECK(listed("metadata[other]=") == "000");
  std::string many;
  for (int i = 0; i < 17; ++i)
    many += "&metadata[k" + std::to_string(i) + "]=v";
  CHECK(node.get("/v1/jobs?limit=1" + many).status == 422);
  CHECK(node.get("/v1/jobs?metadata[" + std::string(65, 'k') + "]=v").status
        == 422);
}

TEST_CASE("a page of events can wait for more", "[gateway][jobs]") {
  gateway_under_test node;
  const auto id = node.submit();
  const auto path = "/v1/jobs/" + id + "/events";
  const auto first = node.get(path + "?limit=1");
  CHECK(contains(first.body, R"("type":"job.created")"));
  CHECK(
    contains(first.body, R"("has_more":true,"last_seq":1,"terminal":false)"));
  raw_client poll{node.port()};
  poll.send(get_request(path + "?starting_after=1&wait_s=30"));
  REQUIRE(node.jobs().wait_for_readers(1));
  node.jobs().start(id_of(id));
  const auto more = poll.read_reply();
  REQUIRE(more);
  CHECK(contains(more->body, R"("type":"job.started")"));
  node.jobs().output(id_of(id), "Hi");
  node.jobs().finish(id_of(id));
  const auto rest = node.get(path + "?starting_after=2");
  CHECK(contains(rest.body, R"("type":"job.completed")"));
  CHECK(contains(rest.body, R"("has_more":false)"));
  CHECK(contains(rest.body, R"("terminal":true)"));
  const auto nothing = node.get(path + "?starting_after=99&wait_s=30");
  CHECK(nothing.status == 200);
  CHECK(contains(nothing.body, R"("data":[])"));
  CHECK(contains(nothing.body, R"("terminal":true)"));
  const auto idle = node.get(path + "?starting_after=1&wait_s=1");
  CHECK(idle.status == 200);
  CHECK(node.jobs().wait_for_readers(0));
}

TEST_CASE("traces and request ids appear in problems", "[gateway][jobs]") {
  gateway_under_test node;
  const auto reply = node.get(
    "/v1/jobs/x",
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n");
  CHECK(json_text(reply.body, "trace_id")
        == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(json_text(reply.body, "instance") == "/v1/jobs/x");
  for (const std::string_view bad :
       {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "x",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"}) {
    INFO(bad);
    CHECK_FALSE(contains(
      node.get("/v1/jobs/x", "traceparent: " + std::string{bad} + "\r\n").body,
      "trace_id"));
  }
}

TEST_CASE("a job keeps the trace of the request that made it",
          "[gateway][jobs]") {
  gateway_under_test node;
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const auto parent = "00-" + trace + "-00f067aa0ba902b7-01";
  const std::string body = R"({"model":"sim","input":"x"})";
  auto submit = [&](const std::string& value) {
    return node.post("/v1/jobs", body, "traceparent: " + value + "\r\n").body;
  };
  const auto traced = submit(parent);
  CHECK(json_text(traced, "trace_id") == trace);
  const auto id = json_text(traced, "id");
  CHECK(node.jobs().spec_of(id_of(id)).traceparent == parent);
  CHECK(json_text(node.get("/v1/jobs/" + id).body, "trace_id") == trace);
  // Of a later version, only what version 00 knows is kept.
  const auto later = submit("01" + parent.substr(2) + "-more");
  CHECK(json_text(later, "trace_id") == trace);
  CHECK(node.jobs().spec_of(id_of(json_text(later, "id"))).traceparent.size()
        == 55);
  const auto broken = submit(parent + "-more");
  CHECK(contains(broken, R"("trace_id":null)"));
  CHECK(
    node.jobs().spec_of(id_of(json_text(broken, "id"))).traceparent.empty());
}

TEST_CASE("every problem type has a page", "[gateway][jobs]") {
  gateway_under_test node;
  for (const auto& kind : gateway::problem_kinds()) {
    const auto page = node.get("/problems/" + std::string{kind.slug});
    CHECK(page.status == 200);
    CHECK(json_text(page.body, "title") == kind.title);
  }
  CHECK(node.get("/problems").status == 200);
}

TEST_CASE("health, readiness, models and metrics", "[gateway][jobs]") {
  gateway_under_test node;
  const auto admin = [&](std::string_view path) {
    return troupe::tests::ask(node.admin_port(), get_request(path));
  };
  CHECK(node.get("/healthz").status == 200);
  CHECK(node.get("/readyz").status == 200);
  CHECK(contains(admin("/readyz").body,
                 R"("store":{"kind":"memory","durability":"fsync")"));
  CHECK(admin("/metrics").body == "troupe_up 1\n");
  CHECK(contains(admin("/").body, "GET /metrics"));
  CHECK(admin("/v1/jobs").status == 404);
  CHECK(contains(node.get("/v1/models").body, R"("id":"writer")"));
  CHECK(
    contains(node.get("/v1/models/writer").body, R"("context_length":256)"));
  CHECK(node.get("/v1/models/nobody").status == 404);
  node.jobs().set_alive(false);
  CHECK(node.get("/healthz").status == 503);
  CHECK(admin("/healthz").status == 503);
  const auto healthy = node.jobs().status();
  auto sick = healthy;
  sick.store_writable = false;
  node.jobs().set_status(sick);
  // What a node says about itself may be 50 ms old.
  raw_client client{node.port()};
  int status = 200;
  for (int i = 0; i < 1000 && status == 200; ++i) {
    client.send(get_request("/readyz"));
    status = client.read_reply().value_or(troupe::tests::raw_reply{}).status;
    client.read_some(1, std::chrono::milliseconds{1});
  }
  CHECK(status == 503);
}

TEST_CASE("a store that never answers ends in an answer", "[gateway][jobs]") {
  gateway::gateway_config config;
  config.limits.answer_timeout = std::chrono::milliseconds{100};
  config.limits.submit_timeout = std::chrono::milliseconds{100};
  gateway_under_test node{config};
  const auto id = node.submit();
  node.jobs().go_silent(true);
  for (const std::string_view path :
       {"", "/result", "/events", "/events?stream=true"}) {
    INFO(path);
    const auto reply = node.get("/v1/jobs/" + id + std::string{path});
    CHECK(reply.status == 503);
    CHECK(json_text(reply.body, "type") == "/problems/shard-unavailable");
  }
  CHECK(node.get("/v1/jobs").status == 503);
  // Nobody knows whether this one was accepted, so it is not refused either.
  const auto unknown = node.post("/v1/jobs", body);
  CHECK(unknown.status == 500);
  CHECK(unknown.field("x-should-retry").empty());
  CHECK(node.counters().timeouts_answer.get() == 6);
}

TEST_CASE("HTTP/1.0 and Connection: close end the connection",
          "[gateway][jobs]") {
  gateway_under_test node;
  for (const std::string_view request :
       {"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: "
        "close\r\n\r\n"}) {
    raw_client client{node.port()};
    client.send(request);
    const auto reply = client.read_reply();
    REQUIRE(reply);
    CHECK(reply->field("connection") == "close");
    CHECK(client.closes());
  }
  raw_client old{node.port()};
  for (int i = 0; i < 2; ++i) {
    old.send("GET /healthz HTTP/1.0\r\nHost: localhost\r\n"
             "Connection: keep-alive\r\n\r\n");
    const auto reply = old.read_reply();
    REQUIRE(reply);
    CHECK(reply->field("connection") == "keep-alive");
  }
}

TEST_CASE("pipelined requests are answered in order", "[gateway][jobs]") {
  gateway_under_test node;
  raw_client client{node.port()};
  std::string burst;
  for (int i = 0; i < 50; ++i)
    burst += i % 2 == 0 ? post_request("/v1/jobs", body)
                        : get_request("/v1/models/writer");
  client.send(burst);
  for (int i = 0; i < 50; ++i) {
    const auto reply = client.read_reply();
    REQUIRE(reply);
    CHECK(reply->status == (i % 2 == 0 ? 202 : 200));
  }
  CHECK(node.jobs().submitted() == 25);
}

TEST_CASE("many clients on many threads get each their own job",
          "[gateway][jobs]") {
  gateway::gateway_config config;
  config.io_threads = 3;
  gateway_under_test node{config};
  std::mutex mutex;
  std::set<std::string> ids;
  {
    // tidy: seams: clients that run at the same time
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&] {
        raw_client client{node.port()};
        for (int i = 0; i < 50; ++i) {
          client.send(post_request("/v1/jobs", body));
          const auto reply = client.read_reply();
          std::lock_guard lock{mutex};
          if (reply && reply->status == 202)
            ids.insert(json_text(reply->body, "id"));
        }
      });
  }
  CHECK(ids.size() == 400);
  CHECK(gateway_under_test::falls_to(node.counters().connections_open, 0));
  CHECK(node.counters().sessions_escaped.get() == 0);
}

TEST_CASE("an estimate keeps nothing and says what would happen",
          "[gateway][jobs]") {
  gateway_under_test node;
  auto reply = node.post("/v1/estimate", body);
  INFO(reply.body);
  REQUIRE(reply.status == 200);
  CHECK(contains(reply.body, R"("object":"estimate","admitted":true,)"
                             R"("reject":null,"model":"sim")"));
  CHECK(contains(reply.body, R"("output_tokens":{"p50":120,"p90":310})"));
  CHECK(contains(reply.body, R"("queue_wait_s":{"p50":2,"p90":3})"));
  CHECK(contains(reply.body, R"("finish_s":{"p50":2.5,"p90":4.5})"));
  CHECK(contains(reply.body, R"("position":4,"degradation":[])"));
  node.jobs().refuse_submissions(
    runtime::refused{{runtime::errc::queue_full, "full"}, 7});
  reply = node.post("/v1/estimate", body);
  REQUIRE(reply.status == 200);
  CHECK(contains(reply.body, R"("admitted":false,"reject":{"type":)"
                             R"("/problems/queue-full")"));
  reply = node.post("/v1/estimate", R"({"model":"sim"})");
  CHECK(reply.status == 422);
  CHECK(node.jobs().submitted() == 0);
}
