// Real nodes whose disk fills up: below the reserve only new work is refused;
// without any space the node stops rather than promise what it cannot keep.
#include "tests/bench/http_client.hpp"
#include "tests/support/mortal_node.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/small_disk.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>

#include <sys/wait.h>

#include <set>

using namespace troupe::tests;
using troupe::bench::fetch;
using troupe::bench::now;
using troupe::bench::to_seconds;
namespace json = boost::json;

namespace {

constexpr uint64_t mib = 1024 * 1024;
constexpr int exit_store = 11;

const std::string new_job =
  R"({"model":"sim","input":"Package: disk","params":{"simulate":)"
  R"({"service_s":0.02,"tokens":3}}})";

int exit_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// The ids of the events in an event stream's text, in order.
std::vector<std::string> ids_of(const std::string& stream) {
  std::vector<std::string> ids;
  for (size_t at = 0; (at = stream.find("\nid: ", at)) != stream.npos; ++at)
    ids.push_back(stream.substr(at + 5, stream.find('\n', at + 5) - at - 5));
  return ids;
}

/// A new job is refused within a second, in the words of the API.
void check_refusal(const mortal_node& node) {
  auto answer = fetch(node.port(), "POST", "/v1/jobs", new_job, 1.0);
  INFO(answer.head << answer.body);
  REQUIRE(answer.status == 503);
  CHECK(answer.head.find("\r\nRetry-After: ") != answer.head.npos);
  CHECK(answer.head.find("application/problem+json") != answer.head.npos);
  auto type = std::string{json::parse(answer.body).at("type").as_string()};
  CHECK(type.ends_with("/storage-unavailable"));
}

} // namespace

TEST_CASE("below its reserve of disk a node refuses new jobs and nothing else",
          "[cluster][disk][slow]") {
  temporary_directory dir;
  // RocksDB takes 64 MiB ahead for each log, and a restart makes a second one.
  small_disk disk{dir.path() / "disk", 256};
  if (!disk.mounted())
    SKIP("mounting a small disk needs root");
  mortal_node node{
    {.data_dir = disk.path("data"), .store = "{ free_mib_min: 64 }"}};
  node.await_ready();
  auto finished = node.submit(0.05, 5);
  node.await_end(finished);
  auto running = node.submit(6.0, 120);
  auto unwanted = node.submit(600.0, 10);
  raw_client reader{node.port()};
  REQUIRE(reader.send("GET /v1/jobs/" + running
                      + "/events HTTP/1.1\r\nHost: localhost\r\n"
                        "Accept: text/event-stream\r\n\r\n"));
  REQUIRE(reader.read_head()->status == 200);
  auto stream = "\n" + reader.read_chunks_until("event: output.delta");

  disk.fill(32 * mib);
  auto filled = now();
  node.await_ready(false);
  CHECK(to_seconds(now() - filled) < 5.0); // Looked at each second.
  check_refusal(node);
  auto checks = fetch(node.admin_port(), "GET", "/readyz").body;
  CHECK(json::parse(checks).at_pointer("/checks/store/writable") == false);

  // What runs can be cancelled or goes on to its end; what is there can be read.
  fetch(node.port(), "POST", "/v1/jobs/" + unwanted + "/cancel");
  CHECK(node.await_end(unwanted).at("status") == "cancelled");
  stream += reader.read_chunks_until("event: job.completed");
  auto ids = ids_of(stream);
  REQUIRE(ids.size() > 100);
  for (size_t i = 0; i < ids.size(); ++i)
    CHECK(ids[i] == std::to_string(i));
  CHECK(node.await_end(running).at("status") == "completed");
  for (const auto& id : {finished, running})
    check_history(node, id);
  check_refusal(node);

  disk.remove_filling();
  auto freed = now();
  node.await_ready();
  CHECK(to_seconds(now() - freed) < 5.0);
  auto later = node.submit(0.05, 5);
  REQUIRE(!later.empty());
  node.await_end(later);
  node.kill();
  node.start();
  for (const auto& id : {finished, running, later}) {
    CHECK(node.await_end(id).at("status") == "completed");
    check_history(node, id);
  }
  CHECK(node.await_end(unwanted).at("status") == "cancelled");
}

TEST_CASE("on a disk without any space a node stops with 11 and loses nothing",
          "[cluster][disk][slow]") {
  temporary_directory dir;
  small_disk disk{dir.path() / "disk", 24};
  if (!disk.mounted())
    SKIP("mounting a small disk needs root");
  mortal_node node{
    {.data_dir = disk.path("data"), .store = "{ free_mib_min: 0 }"}};
  node.await_ready();
  std::set<std::string> acknowledged;
  acknowledged.insert(node.submit(0.05, 5));
  node.await_end(*acknowledged.begin());
  auto running = node.submit(4.0, 80);
  acknowledged.insert(running);
  node.await_events(running, 5);

  disk.fill(0);
  // Jobs come until one has no answer: the node has stopped in its commit.
  for (int i = 0; i < 2000; ++i) {
    auto id = node.submit(0.5, 10);
    if (id.empty())
      break;
    acknowledged.insert(id);
  }
  CHECK(exit_code(node.await_exit()) == exit_store);
  INFO(node.log());
  CHECK(node.log().find("the store failed: ") != std::string::npos);

  // As long as there is no space it cannot start, and damages nothing.
  for (int i = 0; i < 2; ++i)
    CHECK(exit_code(node.start_in_vain()) == exit_store);

  disk.remove_filling();
  node.start();
  REQUIRE(acknowledged.size() >= 2);
  for (const auto& id : acknowledged) {
    CHECK(node.await_end(id).at("status") == "completed");
    check_history(node, id);
  }
  auto later = node.submit(0.05, 5);
  CHECK(node.await_end(later).at("status") == "completed");
}
