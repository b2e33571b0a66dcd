// tidy: length: the table of bad input, row by row
// Every row of the bad-input table that concerns these endpoints: the exact
// status, the problem type, and what becomes of the connection.
#include "tests/gateway/framing_corpus.hpp"
#include "tests/support/gateway_under_test.hpp"

#include <catch2/catch_test_macros.hpp>

namespace gateway = troupe::gateway;
using troupe::gateway::framing_error;
using troupe::tests::gateway_under_test;
using troupe::tests::get_request;
using troupe::tests::json_text;
using troupe::tests::post_request;
using troupe::tests::raw_client;

namespace {

const std::string good_get = get_request("/healthz");
const std::string good_body = R"({"model":"sim","input":"Hi"})";

enum class after : uint8_t { kept, closed };

struct expectation {
  int status = 0;
  std::string slug;
  after connection = after::kept;
};

// Sends, checks the problem, and then whether a further request is served.
void check(const gateway_under_test& node, std::string_view bytes,
           const expectation& wanted) {
  raw_client client{node.port()};
  client.send(bytes);
  const auto reply = client.read_reply(bytes.starts_with("HEAD"));
  REQUIRE(reply);
  CHECK(reply->status == wanted.status);
  CHECK(json_text(reply->body, "type") == "/problems/" + wanted.slug);
  CHECK(reply->field("content-type") == "application/problem+json");
  CHECK(reply->field("x-request-id").starts_with("req_"));
  CHECK(reply->field("x-request-id") == json_text(reply->body, "request_id"));
  if (wanted.connection == after::closed) {
    CHECK(reply->field("connection") == "close");
    CHECK(client.closes());
  } else {
    CHECK(reply->field("connection").empty());
    client.send(good_get);
    const auto next = client.read_reply();
    REQUIRE(next);
    CHECK(next->status == 200);
  }
}

std::string slug_of(framing_error error) {
  switch (error) {
    case framing_error::uri_too_long:
      return "uri-too-long";
    case framing_error::headers_too_large:
      return "headers-too-large";
    case framing_error::body_too_large:
      return "body-too-large";
    default:
      return "bad-framing";
  }
}

int status_of(framing_error error) {
  switch (error) {
    case framing_error::uri_too_long:
      return 414;
    case framing_error::headers_too_large:
      return 431;
    case framing_error::body_too_large:
      return 413;
    default:
      return 400;
  }
}

std::string create(std::string_view body) {
  return post_request("/v1/jobs", body);
}

std::string with_member(std::string_view member) {
  return R"({"model":"sim","input":"Hi",)" + std::string{member} + "}";
}

} // namespace

TEST_CASE("bad framing is refused on the wire and ends the connection",
          "[gateway][http]") {
  gateway_under_test node;
  for (const auto& x : troupe::testing::framing_corpus()) {
    if (x.error == framing_error::none)
      continue;
    INFO(x.name);
    // Behind it, a request that must never run.
    check(node, x.bytes + create(good_body),
          {status_of(x.error), slug_of(x.error), after::closed});
  }
  CHECK(node.jobs().submitted() == 0);
  CHECK(node.counters().guard_disagreements.get() == 0);
}

TEST_CASE("too large requests name the limit", "[gateway][http]") {
  gateway_under_test node;
  const auto reply = troupe::tests::ask(
    node.port(), "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                 "application/json\r\nContent-Length: 1048577\r\n\r\n");
  CHECK(reply.status == 413);
  CHECK(reply.body.find("\"limit\":1048576") != std::string::npos);
}

TEST_CASE("late heads and bodies get 408", "[gateway][http]") {
  gateway::gateway_config config;
  config.limits.header_timeout = std::chrono::milliseconds{150};
  config.limits.body_timeout = std::chrono::milliseconds{200};
  config.limits.body_rate_grace = std::chrono::milliseconds{150};
  gateway_under_test node{config};
  const expectation late{408, "request-timeout", after::closed};
  check(node, "GET /healthz HTTP/1.1\r\nHost: lo", late);
  check(node, "G", late);
  const auto whole = create(good_body);
  check(node, whole.substr(0, whole.size() - 3), late);
  check(node,
        "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
        "application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        late);
  // Nothing was sent: nothing is answered.
  raw_client silent{node.port()};
  CHECK(silent.closes());
  CHECK(node.counters().timeouts_header.get() == 2);
  CHECK(node.counters().timeouts_body.get() == 2);
}

TEST_CASE("a drip of bytes is not a request", "[gateway][http]") {
  gateway::gateway_config config;
  config.limits.header_timeout = std::chrono::milliseconds{200};
  config.limits.body_rate_grace = std::chrono::milliseconds{200};
  gateway_under_test node{config};
  raw_client slow{node.port()};
  slow.send("GET / HTTP/1.1\r\n");
  // Each byte is in time, the head as a whole is not.
  std::string answer;
  for (int i = 0; i < 200 && answer.empty(); ++i) {
    slow.send("a");
    answer = slow.read_some(1024, std::chrono::milliseconds{10});
  }
  CHECK(answer.starts_with("HTTP/1.1 408"));
  raw_client body{node.port()};
  body.send("POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
            "application/json\r\nContent-Length: 100000\r\n\r\n");
  answer.clear();
  for (int i = 0; i < 200 && answer.empty(); ++i) {
    body.send(" "); // 100 bytes/s, under the 1 KiB/s that are required
    answer = body.read_some(1024, std::chrono::milliseconds{10});
  }
  CHECK(answer.starts_with("HTTP/1.1 408"));
}

TEST_CASE("an idle connection closes without a word", "[gateway][http]") {
  gateway::gateway_config config;
  config.limits.keep_alive = std::chrono::milliseconds{100};
  gateway_under_test node{config};
  raw_client client{node.port()};
  client.send(good_get);
  REQUIRE(client.read_reply());
  CHECK(client.closes());
}

TEST_CASE("wrong methods get 405 with Allow", "[gateway][http]") {
  gateway_under_test node;
  const expectation kept{405, "method-not-allowed", after::kept};
  const expectation closed{405, "method-not-allowed", after::closed};
  const auto line = [](std::string_view start) {
    return std::string{start} + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  };
  check(node, line("PUT /v1/jobs"), kept);
  check(node, line("DELETE /healthz"), kept);
  check(node, line("BREW /v1/jobs"), kept);
  check(node, line("get /v1/jobs"), kept);
  check(node, line("POST /v1/jobs/x"), kept);
  check(node, line("CONNECT localhost:80"), closed);
  check(node, line("TRACE /"), closed);
  CHECK(node.get("/v1/jobs/x/cancel").field("allow") == "POST, OPTIONS");
  CHECK(troupe::tests::ask(node.port(), line("PUT /v1/jobs")).field("allow")
        == "POST, GET, HEAD, OPTIONS");
}

TEST_CASE("HEAD and OPTIONS do what they should", "[gateway][http]") {
  gateway_under_test node;
  raw_client client{node.port()};
  client.send("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  auto reply = client.read_reply(true);
  REQUIRE(reply);
  CHECK(reply->status == 200);
  CHECK(reply->field("content-length") == "15");
  client.send("OPTIONS /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n");
  reply = client.read_reply();
  REQUIRE(reply);
  CHECK(reply->status == 204);
  CHECK(reply->field("allow") == "POST, GET, HEAD, OPTIONS");
  client.send("OPTIONS /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
              "0\r\n\r\n");
  reply = client.read_reply();
  REQUIRE(reply);
  CHECK(reply->status == 404);
}

TEST_CASE("media types, Accept and Expect are checked", "[gateway][http]") {
  gateway_under_test node;
  const auto typed = [](std::string_view type) {
    return "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n" + std::string{type}
           + "Content-Length: 28\r\n\r\n" + good_body;
  };
  const expectation media{415, "unsupported-media-type", after::kept};
  check(node, typed(""), media);
  check(node, typed("Content-Type: text/plain\r\n"), media);
  check(node, typed("Content-Type: application/x-www-form-urlencoded\r\n"),
        media);
  check(node, typed("Content-Type: application/jsonx\r\n"), media);
  check(node,
        "POST /v1/jobs/x/cancel HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Length: 2\r\n\r\n{}",
        media);
  const expectation accept{406, "not-acceptable", after::kept};
  check(node, get_request("/v1/jobs", "Accept: text/html\r\n"), accept);
  check(node, get_request("/v1/jobs", "Accept: application/json;q=0\r\n"),
        accept);
  check(node, get_request("/v1/jobs/x/events", "Accept: image/png\r\n"),
        accept);
  check(node, get_request("/v1/jobs", "Accept: text/event-stream\r\n"), accept);
  const expectation expect{417, "expectation-failed", after::kept};
  check(node, get_request("/healthz", "Expect: tea\r\n"), expect);
  CHECK(node.get("/v1/jobs", "Accept: application/*\r\n").status == 200);
  CHECK(node.get("/v1/jobs", "Accept: text/html, */*;q=0.1\r\n").status == 200);
  CHECK(node.post("/v1/jobs", good_body, "Accept: application/problem+json\r\n")
          .status
        == 202);
}

TEST_CASE("a client that expects 100 gets it before it sends the body",
          "[gateway][http]") {
  gateway_under_test node;
  const std::string head =
    "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
    "application/json\r\nContent-Length: 28\r\nExpect: 100-continue\r\n\r\n";
  raw_client client{node.port()};
  client.send(head);
  auto reply = client.read_reply();
  REQUIRE(reply);
  CHECK(reply->status == 100);
  client.send(good_body);
  reply = client.read_reply();
  REQUIRE(reply);
  CHECK(reply->status == 202);
  // Refused before the body: whether it comes is unknown, so the end.
  check(node,
        "POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5"
        "\r\nExpect: 100-continue\r\n\r\n",
        {404, "not-found", after::closed});
}

TEST_CASE("bad JSON is told from wrong fields", "[gateway][http]") {
  gateway_under_test node;
  const expectation json{400, "invalid-json", after::kept};
  for (const std::string_view body :
       {R"()", R"({)", R"({"model":"sim","input":"Hi"}x)",
        R"({"model":"sim","model":"sim","input":"Hi"})",
        R"({"model":"sim","input":"Hi","params":{"top_k":1,"top_k":1}})",
        "{\"model\":\"sim\",\"input\":\"\xFF\"}",
        "{\"model\":\"sim\",\"input\":\"\xC0\xAF\"}",
        R"({"model":"sim","input":"\ud800"})",
        R"({"model":"sim","input":"\udc00\ud800"})", R"({'model':'sim'})",
        R"({"model":"sim",})", R"({"model":sim})", R"([1,2)", R"(nul)",
        "{\"model\":\"a\nb\"}", "\xEF\xBB\xBF{}"}) {
    INFO(body);
    check(node, create(body), json);
  }
  check(node, create(std::string(33, '[') + std::string(33, ']')), json);
  const expectation wrong{422, "validation-failed", after::kept};
  check(node, create(std::string(32, '[') + std::string(32, ']')), wrong);
  for (const std::string_view body :
       {R"([])", R"("text")", R"(7)", R"({})", R"({"model":"sim"})",
        R"({"input":"Hi"})", R"({"model":7,"input":"Hi"})",
        R"({"model":"","input":"Hi"})", R"({"model":"sim","input":7})",
        R"({"model":"sim","input":[]})", R"({"model":"sim","input":["Hi"]})",
        R"({"model":"sim","input":[{"role":"user"}]})",
        R"({"model":"sim","input":[{"role":"boss","content":"Hi"}]})",
        R"({"model":"sim","input":[{"content":"Hi"}]})",
        R"({"model":"sim","input":[{"role":"user","content":"a","x":1}]})"}) {
    INFO(body);
    check(node, create(body), wrong);
  }
  CHECK(node.jobs().submitted() == 0);
}

// tidy: length: a table of wrong members
TEST_CASE("every wrong field is named", "[gateway][http]") {
  gateway_under_test node;
  struct wrong_member {
    std::string_view member;
    std::string_view pointer;
  };
  const wrong_member cases[]{
    {R"("colour":"red")", "/colour"},
    {R"("params":{"temprature":1})", "/params/temprature"},
    {R"("params":7)", "/params"},
    {R"("params":{"temperature":2.1})", "/params/temperature"},
    {R"("params":{"temperature":-0.1})", "/params/temperature"},
    {R"("params":{"temperature":NaN})", "/params/temperature"},
    {R"("params":{"temperature":1e999})", "/params/temperature"},
    {R"("params":{"temperature":Infinity})", "/params/temperature"},
    {R"("params":{"temperature":"1"})", "/params/temperature"},
    {R"("params":{"temperature":null})", "/params/temperature"},
    {R"("params":{"top_p":1.5})", "/params/top_p"},
    {R"("params":{"top_k":1001})", "/params/top_k"},
    {R"("params":{"top_k":1.5})", "/params/top_k"},
    {R"("params":{"top_k":-1})", "/params/top_k"},
    {R"("params":{"max_output_tokens":0})", "/params/max_output_tokens"},
    {R"("params":{"max_output_tokens":4097})", "/params/max_output_tokens"},
    {R"("params":{"seed":9223372036854775808})", "/params/seed"},
    {R"("params":{"seed":1e30})", "/params/seed"},
    {R"("params":{"stop":["a","b","c","d","e"]})", "/params/stop"},
    {R"("params":{"stop":[""]})", "/params/stop/0"},
    {R"("params":{"stop":"a"})", "/params/stop"},
    {R"("params":{"presence_penalty":-2.5})", "/params/presence_penalty"},
    {R"("params":{"simulate":{"tokens":-1}})", "/params/simulate/tokens"},
    {R"("params":{"simulate":{"hang":1}})", "/params/simulate/hang"},
    {R"("params":{"simulate":{"x":1}})", "/params/simulate/x"},
    {R"("class":"vip")", "/class"},
    {R"("service_tier":"gold")", "/service_tier"},
    {R"("deadline":{"start_timeout_s":0.01})", "/deadline/start_timeout_s"},
    {R"("deadline":{"total_timeout_s":604801})", "/deadline/total_timeout_s"},
    {R"("deadline":{"start_timeout_s":-1})", "/deadline/start_timeout_s"},
    {R"("deadline":{"start_timeout_s":0})", "/deadline/start_timeout_s"},
    {R"("deadline":{"start_timeout_s":NaN})", "/deadline/start_timeout_s"},
    {R"("deadline":{"start_timeout_s":1e999})", "/deadline/start_timeout_s"},
    {R"("deadline":{"start_timeout_s":-Infinity})",
     "/deadline/start_timeout_s"},
    {R"("deadline":{"start_timeout_s":"60"})", "/deadline/start_timeout_s"},
    {R"("deadline":{"start_timeout_s":null})", "/deadline/start_timeout_s"},
    {R"("deadline":{"total_timeout_s":-5})", "/deadline/total_timeout_s"},
    {R"("deadline":{"total_timeout_s":0})", "/deadline/total_timeout_s"},
    {R"("deadline":{"total_timeout_s":NaN})", "/deadline/total_timeout_s"},
    {R"("deadline":{"total_timeout_s":Infinity})", "/deadline/total_timeout_s"},
    {R"("deadline":{"total_timeout_s":1e300})", "/deadline/total_timeout_s"},
    {R"("deadline":{"total_timeout_s":[60]})", "/deadline/total_timeout_s"},
    {R"("params":{"simulate":{"predicted_s":-1}})",
     "/params/simulate/predicted_s"},
    {R"("params":{"simulate":{"predicted_s":NaN}})",
     "/params/simulate/predicted_s"},
    {R"("params":{"simulate":{"predicted_s":1e300}})",
     "/params/simulate/predicted_s"},
    {R"("params":{"simulate":{"predicted_s":604801}})",
     "/params/simulate/predicted_s"},
    {R"("params":{"simulate":{"service_s":-0.5}})",
     "/params/simulate/service_s"},
    {R"("params":{"simulate":{"service_s":Infinity}})",
     "/params/simulate/service_s"},
    {R"("params":{"simulate":{"service_s":86401}})",
     "/params/simulate/service_s"},
    {R"("deadline":{"on_deadline":"panic"})", "/deadline/on_deadline"},
    {R"("resume":"maybe")", "/resume"},
    {R"("max_attempts":0)", "/max_attempts"},
    {R"("max_attempts":11)", "/max_attempts"},
    {R"("retention_s":59)", "/retention_s"},
    {R"("retention_s":2592001)", "/retention_s"},
    {R"("metadata":{"k":1})", "/metadata/k"},
    {R"("metadata":{"":"v"})", "/metadata/"},
    {R"("metadata":{"a/b~c":1})", "/metadata/a~1b~0c"},
    {R"("metadata":[])", "/metadata"},
    {R"("task":"sing")", "/task"},
    {R"("fallbacks":["nobody"])", "/fallbacks"},
    {R"("fallbacks":[7])", "/fallbacks"},
    {R"("fallbacks":"m")", "/fallbacks"},
    // Known to the API, not to this version.
    {R"("graph":{})", "/graph"},
    {R"("conversation":"conv_x")", "/conversation"},
    {R"("webhook":{})", "/webhook"},
    {R"("intent":"fast")", "/intent"},
    {R"("truncation":"sometimes")", "/truncation"},
    {R"("task":"embed")", "/task"},
    {R"("params":{"tools":[]})", "/params/tools"},
    {R"("params":{"tool_choice":"auto"})", "/params/tool_choice"},
    {R"("params":{"response_format":{}})", "/params/response_format"},
    {R"("params":{"dimensions":3})", "/params/dimensions"},
    {R"("params":{"top_logprobs":1})", "/params/top_logprobs"},
  };
  for (const auto& x : cases) {
    INFO(x.member);
    const auto reply = node.post("/v1/jobs", with_member(x.member));
    CHECK(reply.status == 422);
    CHECK(json_text(reply.body, "type") == "/problems/validation-failed");
    CHECK(json_text(reply.body, "pointer") == x.pointer);
  }
  const auto two = node.post("/v1/jobs", R"({"model":7,"task":"sing"})");
  CHECK(two.body.find("/model") != std::string::npos);
  CHECK(two.body.find("/task") != std::string::npos);
  CHECK(two.body.find("/input") != std::string::npos);
  CHECK(node.jobs().submitted() == 0);
}

TEST_CASE("a model must exist and be able", "[gateway][http]") {
  gateway_under_test node;
  check(node, create(R"({"model":"nobody","input":"Hi"})"),
        {404, "model-not-found", after::kept});
  const expectation wrong{422, "validation-failed", after::kept};
  check(node, create(R"({"model":"writer","task":"chat","input":"Hi"})"),
        wrong);
  check(
    node,
    create(
      R"({"model":"writer","input":"Hi","params":{"simulate":{"tokens":1}}})"),
    wrong);
  check(
    node,
    create(R"({"model":"writer","input":[{"role":"user","content":"Hi"}]})"),
    wrong);
}

TEST_CASE("unknown and foreign jobs look the same", "[gateway][http]") {
  gateway_under_test node;
  const auto foreign = node.jobs().foreign_job().str();
  const expectation missing{404, "not-found", after::kept};
  for (const auto& id : {foreign, std::string{"job_00000000000000000000000000"},
                         std::string{"job_x"}, std::string{"%2e%2e"}}) {
    INFO(id);
    const auto base = "/v1/jobs/" + id;
    check(node, get_request(base), missing);
    check(node, get_request(base + "/result"), missing);
    check(node, get_request(base + "/events"), missing);
    check(node, get_request(base + "/events?stream=true"), missing);
    check(node, post_request(base + "/cancel", "{}"), missing);
  }
  CHECK(node.get("/v1/jobs").body.find(foreign) == std::string::npos);
  for (const std::string_view path :
       {"/nothing", "/v1", "/v1/jobs/", "/v1/jobs/x/y", "/v1//jobs", "//",
        "/v1/jobs/x/events/", "/problems/nothing", "/metrics", "/%00"}) {
    INFO(path);
    check(node, get_request(path), missing);
  }
}

TEST_CASE("cursors and parameters are checked", "[gateway][http]") {
  gateway_under_test node;
  const auto id = node.submit();
  const auto events = "/v1/jobs/" + id + "/events";
  const expectation cursor{400, "invalid-cursor", after::kept};
  for (const std::string_view stream : {"", "&stream=true"}) {
    for (const std::string_view after :
         {"x", "-1", "1x", "", "2", "99", "18446744073709551615",
          "99999999999999999999"}) {
      INFO(after);
      check(node,
            get_request(events + "?starting_after=" + std::string{after}
                        + std::string{stream}),
            cursor);
    }
    check(node,
          get_request(events + "?starting_after=0" + std::string{stream},
                      "Last-Event-ID: nonsense\r\n"),
          cursor);
  }
  check(node, get_request("/v1/jobs?after=7"), cursor);
  const expectation wrong{422, "validation-failed", after::kept};
  for (const std::string_view path :
       {"/v1/jobs?limit=0", "/v1/jobs?limit=101", "/v1/jobs?limit=x",
        "/v1/jobs?limit=1&limit=2", "/v1/jobs?status=done", "/v1/jobs?order=up",
        "/v1/jobs?color=red", "/v1/jobs?created_after=now",
        "/v1/jobs?created_after=2026-02-30T00:00:00Z",
        "/v1/jobs?dead_letter=maybe", "/v1/jobs?conversation=conv_x",
        "/v1/jobs?metadata=v", "/v1/jobs?metadata%5Bk=v",
        "/v1/jobs?metadata%5B%5D=v"}) {
    INFO(path);
    check(node, get_request(path), wrong);
  }
  check(node, get_request(events + "?limit=1001"), wrong);
  check(node, get_request(events + "?wait_s=61"), wrong);
  check(node, get_request("/v1/jobs/" + id + "?wait_s=61"), wrong);
  check(node, get_request("/v1/jobs/" + id + "?if_version=-1"), wrong);
  check(node, get_request("/v1/jobs/" + id + "?x=1"), wrong);
  check(node, post_request("/v1/jobs/" + id + "/cancel", R"({"why":"x"})"),
        wrong);
  check(node,
        post_request("/v1/jobs/" + id + "/cancel",
                     R"({"reason":")" + std::string(201, 'x') + "\"}"),
        wrong);
  check(node, post_request("/v1/jobs/" + id + "/cancel", "{"),
        {400, "invalid-json", after::kept});
}

TEST_CASE("foreign pages and rebound names are refused", "[gateway][http]") {
  gateway_under_test node;
  const expectation foreign{403, "forbidden-origin", after::closed};
  for (const std::string_view host :
       {"evil.example", "localhost.evil.example", "127.0.0.1.nip.io",
        "192.168.0.1:8080", "[::2]"}) {
    INFO(host);
    check(node,
          "GET /healthz HTTP/1.1\r\nHost: " + std::string{host} + "\r\n\r\n",
          foreign);
  }
  check(node, get_request("/v1/jobs", "Sec-Fetch-Site: cross-site\r\n"),
        foreign);
  check(node,
        post_request("/v1/jobs", good_body, "Sec-Fetch-Site: cross-site\r\n"),
        foreign);
  CHECK(node.jobs().submitted() == 0);
  for (const std::string_view host :
       {"localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8080", "[::1]",
        "[::1]:8080"}) {
    INFO(host);
    CHECK(troupe::tests::ask(node.port(), "GET /healthz HTTP/1.1\r\nHost: "
                                            + std::string{host} + "\r\n\r\n")
            .status
          == 200);
  }
  CHECK(node.get("/v1/jobs", "Sec-Fetch-Site: same-origin\r\n").status == 200);
}

TEST_CASE("refusals say when to come back", "[gateway][http]") {
  gateway_under_test node;
  struct refusal {
    troupe::runtime::errc code;
    double retry_after_s;
    expectation wanted;
    std::string should_retry;
  };
  using enum troupe::runtime::errc;
  const refusal cases[]{
    {queue_full, 3.0, {503, "queue-full", after::kept}, "true"},
    {queue_full, 0.0, {503, "queue-full", after::kept}, "true"},
    {queue_full, 120.0, {503, "queue-full", after::kept}, "false"},
    {storage_unavailable,
     5.0,
     {503, "storage-unavailable", after::kept},
     "true"},
    {disk_full, 0.0, {503, "storage-unavailable", after::kept}, "true"},
    {shard_unavailable, 1.0, {503, "shard-unavailable", after::kept}, "true"},
    {model_unavailable, 1.0, {503, "model-unavailable", after::kept}, "true"},
    {draining, 1.0, {503, "draining", after::closed}, "true"},
    {context_too_long, 0.0, {422, "context-too-long", after::kept}, "false"},
    {internal, 0.0, {500, "internal", after::kept}, ""},
  };
  for (const auto& x : cases) {
    INFO(to_string(x.code));
    node.jobs().refuse_submissions(
      troupe::runtime::refused{{x.code, "so it is"}, x.retry_after_s});
    check(node, create(good_body), x.wanted);
    const auto reply = node.post("/v1/jobs", good_body);
    CHECK(reply.field("x-should-retry") == x.should_retry);
    CHECK(json_text(reply.body, "detail") == "so it is");
    if (reply.status != 503) {
      CHECK(reply.field("retry-after").empty());
      continue;
    }
    const auto wait = std::stod(reply.field("retry-after"));
    CHECK(wait >= std::max(x.retry_after_s, 1.0));
    CHECK(wait <= std::max(x.retry_after_s, 1.0) * 1.25 + 2.0);
  }
  CHECK(node.jobs().submitted() == 0);
}

TEST_CASE("an unread body is discarded, within reason", "[gateway][http]") {
  gateway::gateway_config config;
  config.limits.discard_timeout = std::chrono::milliseconds{150};
  gateway_under_test node{config};
  const auto head = [](size_t length) {
    return "POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
           + std::to_string(length) + "\r\n\r\n";
  };
  // Small and complete: kept.
  check(node, head(1000) + std::string(1000, 'x'),
        {404, "not-found", after::kept});
  check(node, head(60'000) + std::string(60'000, 'x'),
        {404, "not-found", after::kept});
  // Too large: closed.
  raw_client large{node.port()};
  large.send(head(200'000) + std::string(200'000, 'x'));
  auto reply = large.read_reply();
  REQUIRE(reply);
  CHECK(reply->status == 404);
  CHECK(large.closes());
  // It never comes: closed after a while.
  raw_client absent{node.port()};
  absent.send(head(1000));
  reply = absent.read_reply();
  REQUIRE(reply);
  CHECK(reply->status == 404);
  CHECK(absent.closes());
  // Broken framing in what is skipped: closed.
  raw_client broken{node.port()};
  broken.send("POST /nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
              "chunked\r\n\r\n5;x\r\nhello\r\n0\r\n\r\n"
              + good_get);
  reply = broken.read_reply();
  REQUIRE(reply);
  CHECK(reply->status == 404);
  CHECK(broken.closes());
}
