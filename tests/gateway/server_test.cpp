// The server as a whole: who may connect, what happens without descriptors, how
// it drains and stops.
#include "tests/support/gateway_under_test.hpp"
#include "tests/support/process_watch.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace gateway = troupe::gateway;
namespace runtime = troupe::runtime;
using troupe::tests::eventually;
using troupe::tests::gateway_under_test;
using troupe::tests::get_request;
using troupe::tests::json_text;
using troupe::tests::post_request;
using troupe::tests::raw_client;

namespace {

const std::string body = R"({"model":"sim","input":"Hi"})";

bool is_served(raw_client& client) {
  client.send(get_request("/healthz"));
  const auto reply = client.read_reply();
  return reply && reply->status == 200;
}

// No further descriptor can be opened while it lives.
class descriptor_limit {
public:
  explicit descriptor_limit(rlim_t spare) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    // The lowest free number is what the next descriptor would be.
    const int next = ::fcntl(0, F_DUPFD, 0);
    ::close(next);
    auto lowered = before_;
    lowered.rlim_cur = static_cast<rlim_t>(next) + spare;
    ::setrlimit(RLIMIT_NOFILE, &lowered);
  }
  ~descriptor_limit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  descriptor_limit(const descriptor_limit&) = delete;
  descriptor_limit& operator=(const descriptor_limit&) = delete;

private:
  rlimit before_{};
};

} // namespace

TEST_CASE("an address over its limit is closed unanswered",
          "[gateway][server]") {
  gateway::gateway_config config;
  config.limits.connections_per_ip_max = 2;
  config.limits.loopback_exempt = false;
  gateway_under_test node{config};
  raw_client one{node.port()};
  CHECK(is_served(one));
  {
    raw_client two{node.port()};
    CHECK(is_served(two));
    raw_client three{node.port()};
    CHECK(three.closes());
    CHECK(node.counters().connections_refused_ip.get() == 1);
  }
  CHECK(gateway_under_test::falls_to(node.counters().connections_open, 1));
  raw_client four{node.port()};
  CHECK(is_served(four));
}

TEST_CASE("at the limit of connections accepting pauses", "[gateway][server]") {
  gateway::gateway_config config;
  config.limits.connections_max = 2;
  gateway_under_test node{config};
  raw_client one{node.port()};
  CHECK(is_served(one));
  {
    raw_client two{node.port()};
    CHECK(is_served(two));
    // The loop had already begun to wait for one more.
    raw_client three{node.port()};
    raw_client waiting{node.port()};
    waiting.send(get_request("/healthz"));
    CHECK(gateway_under_test::reaches(node.counters().accept_pauses, 1));
    CHECK(waiting.read_some(1, std::chrono::milliseconds{100}).empty());
    two.reset();
    three.reset();
    const auto reply = waiting.read_reply();
    REQUIRE(reply);
    CHECK(reply->status == 200);
  }
}

TEST_CASE("without descriptors accepting pauses and goes on later",
          "[gateway][server]") {
  gateway_under_test node;
  raw_client known{node.port()};
  CHECK(is_served(known));
  const auto pauses = node.counters().accept_pauses.get();
  std::optional<raw_client> waiting;
  {
    // One descriptor is left: the client takes it, the server gets none.
    descriptor_limit limit{1};
    waiting.emplace(node.port());
    waiting->send(get_request("/healthz"));
    CHECK(
      gateway_under_test::reaches(node.counters().accept_pauses, pauses + 1));
    CHECK(is_served(known));
  }
  const auto reply = waiting->read_reply();
  REQUIRE(reply);
  CHECK(reply->status == 200);
}

TEST_CASE("a node that drains takes no new work and shows the old",
          "[gateway][server]") {
  gateway_under_test node;
  const auto id = node.submit();
  auto status = node.jobs().status();
  status.draining = true;
  node.jobs().set_status(status);
  troupe::tests::raw_reply refused;
  // What a gateway thread knows about its node may be 50 ms old.
  for (int i = 0; i < 1000 && refused.status != 503; ++i)
    refused = node.post("/v1/jobs", body);
  CHECK(refused.status == 503);
  CHECK(json_text(refused.body, "type") == "/problems/draining");
  CHECK(refused.field("connection") == "close");
  CHECK(!refused.field("retry-after").empty());
  CHECK(node.get("/readyz").status == 503);
  CHECK(node.get("/healthz").status == 200);
  CHECK(node.get("/v1/jobs/" + id).status == 200);
}

TEST_CASE("drain ends streams after a whole event and idle connections",
          "[gateway][server]") {
  gateway_under_test node;
  const auto text = node.submit();
  const auto id = runtime::job_id::parse(text).value();
  raw_client idle{node.port()};
  CHECK(is_served(idle));
  raw_client stream{node.port()};
  stream.send(get_request("/v1/jobs/" + text + "/events?stream=true"));
  REQUIRE(stream.read_head());
  REQUIRE(node.jobs().wait_for_readers(1));
  raw_client poll{node.port()};
  poll.send(get_request("/v1/jobs/" + text + "?if_version=1&wait_s=30"));
  REQUIRE(node.jobs().wait_for_readers(2));
  // In the middle of its request.
  raw_client busy{node.port()};
  const auto request = post_request("/v1/jobs", body);
  busy.send(request.substr(0, request.size() - 1));
  CHECK(gateway_under_test::reaches(node.counters().requests, 5));
  node.server().drain();
  CHECK(idle.closes());
  const auto events = stream.read_chunks_until("");
  CHECK(events.ends_with("\n\n"));
  CHECK(stream.closes());
  busy.send(request.substr(request.size() - 1));
  const auto refused = busy.read_reply();
  REQUIRE(refused);
  CHECK(refused->status == 503);
  CHECK(json_text(refused->body, "type") == "/problems/draining");
  CHECK(busy.closes());
  // Who waits for something gets it, on a connection that then ends.
  node.jobs().start(id);
  const auto moved = poll.read_reply();
  REQUIRE(moved);
  CHECK(moved->status == 200);
  CHECK(moved->field("connection") == "close");
  raw_client late{node.port()};
  late.send(get_request("/healthz"));
  CHECK_FALSE(late.read_reply());
  // Operators still see the node.
  CHECK(troupe::tests::ask(node.admin_port(), get_request("/healthz")).status
        == 200);
}

TEST_CASE("stop ends whatever is open", "[gateway][server]") {
  gateway_under_test node;
  const auto id = node.submit();
  raw_client idle{node.port()};
  CHECK(is_served(idle));
  raw_client half{node.port()};
  half.send("GET / HT");
  raw_client stream{node.port()};
  stream.send(get_request("/v1/jobs/" + id + "/events?stream=true"));
  raw_client poll{node.port()};
  poll.send(get_request("/v1/jobs/" + id + "?if_version=1&wait_s=60"));
  raw_client page{node.port()};
  page.send(
    get_request("/v1/jobs/" + id + "/events?starting_after=1&wait_s=60"));
  REQUIRE(node.jobs().wait_for_readers(3));
  node.server().stop();
  CHECK(node.jobs().readers() == 0);
  CHECK(node.counters().connections_open.get() == 0);
  CHECK(idle.closes());
  CHECK(half.closes());
  // Late answers find nobody.
  node.jobs().complete(runtime::job_id::parse(id).value());
  node.server().stop();
}

TEST_CASE("a server that cannot listen says where and why",
          "[gateway][server]") {
  gateway_under_test node;
  runtime::sink_directory sinks;
  troupe::tests::scripted_jobs jobs{sinks};
  troupe::tests::scripted_breakers breakers{sinks};
  runtime::tenant_table no_tenants;
  gateway::table_tenants tenants{no_tenants, runtime::system_clock()};
  const auto attempt = [&](gateway::listen_address address) {
    gateway::gateway_config config;
    config.listen = std::move(address);
    config.admin_listen.port = 0;
    gateway::server server{config,
                           {.jobs = jobs,
                            .status = jobs,
                            .breakers = breakers,
                            .tenants = tenants,
                            .sinks = sinks,
                            .clock = runtime::system_clock(),
                            .metrics_text = {}}};
    const auto started = server.start();
    REQUIRE(started.has_error());
    return started.error();
  };
  const auto taken = attempt({"127.0.0.1", node.port()});
  CHECK(taken.code == runtime::errc::io_error);
  CHECK(taken.context.find("127.0.0.1:" + std::to_string(node.port()))
        != std::string::npos);
  CHECK(attempt({"no-address", 0}).code == runtime::errc::config_invalid);
}

TEST_CASE("clients that vanish in every way leave nothing behind",
          "[gateway][server]") {
  gateway_under_test node;
  const auto id = node.submit();
  const auto lowest_free = [] {
    const auto fd = ::fcntl(0, F_DUPFD, 0);
    ::close(fd);
    return fd;
  };
  const auto open_before = lowest_free();
  const std::string requests[]{
    "",
    "GE",
    get_request("/healthz"),
    get_request("/v1/jobs").substr(0, 30),
    post_request("/v1/jobs", body).substr(0, 120),
    get_request("/v1/jobs/" + id + "/events?stream=true"),
    get_request("/v1/jobs/" + id + "?if_version=9&wait_s=60"),
    "\x16\x03\x01"};
  for (int i = 0; i < 400; ++i) {
    raw_client client{node.port()};
    client.send(requests[static_cast<size_t>(i) % std::size(requests)]);
    if (i % 3 == 0)
      client.reset();
    else if (i % 3 == 1)
      client.shutdown_send();
  }
  CHECK(gateway_under_test::falls_to(node.counters().connections_open, 0));
  CHECK(node.jobs().wait_for_readers(0));
  CHECK(node.counters().streams_open.get() == 0);
  CHECK(node.counters().sessions_escaped.get() == 0);
  // A connection counts until just before its socket closes.
  CHECK(eventually([&] { return lowest_free() == open_before; }));
}
