// What an ephemeral job leaves on the disk of a real node: nothing.
#include "tests/bench/http_client.hpp"
#include "tests/support/mortal_node.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>

using troupe::bench::fetch;
using troupe::tests::mortal_node;
using troupe::tests::temporary_directory;
namespace json = boost::json;

namespace {

constexpr const char* quick_class =
  "scheduling: { classes: { interactive: { wait_s: 30, durable: false } } }\n";

struct disk {
  uintmax_t bytes = 0;
  size_t marked = 0; ///< Files that hold the mark.
};

disk look(const std::string& folder, const std::string& mark) {
  disk found;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator{folder}) {
    if (!entry.is_regular_file())
      continue;
    // tidy: seams: what a node left on the disk
    std::ifstream file{entry.path(), std::ios::binary};
    const std::string all{std::istreambuf_iterator<char>{file}, {}};
    found.bytes += all.size();
    found.marked += all.find(mark) != std::string::npos ? 1 : 0;
  }
  return found;
}

std::string job(const std::string& input, const char* job_class) {
  return json::serialize(json::value{
    {"model", "sim"},
    {"input", input},
    {"class", job_class},
    {"params", {{"simulate", {{"service_s", 0.001}, {"tokens", 2}}}}}});
}

} // namespace

TEST_CASE(
  "a thousand jobs of an ephemeral class write nothing of theirs to the "
  "disk, and each waits for its end",
  "[cluster][ephemeral][slow]") {
  temporary_directory dir;
  const auto data = dir.str("data");
  mortal_node node{{.data_dir = data, .store = {}, .more = quick_class}};
  node.await_ready();
  const std::string mark = "mark-of-an-ephemeral-job";
  const auto before = look(data, mark);
  REQUIRE(before.marked == 0);
  for (int i = 0; i < 1'000; ++i) {
    const auto answer =
      fetch(node.port(), "POST", "/v1/jobs", job(mark, "interactive"), 40);
    REQUIRE(answer.status == 200);
    const auto ended = json::parse(answer.body);
    REQUIRE(ended.at("status") == "completed");
    REQUIRE(ended.at("durable") == false);
  }
  const auto after = look(data, mark);
  CHECK(after.marked == 0);
  // Learnt costs and RocksDB's own log; a job would be some hundred bytes each.
  CHECK(after.bytes - std::min(after.bytes, before.bytes) < 64 * 1024);
  // The same look does see what is durable.
  const std::string durable_mark = "mark-of-a-durable-job";
  const auto id = [&] {
    const auto answer =
      fetch(node.port(), "POST", "/v1/jobs", job(durable_mark, "standard"), 40);
    REQUIRE(answer.status == 202); // Its class does not wait.
    return std::string{json::parse(answer.body).at("id").as_string()};
  }();
  CHECK(node.await_end(id).at("durable") == true);
  CHECK(look(data, durable_mark).marked > 0);
}

TEST_CASE("a class's wait is bounded and the client overrides it",
          "[cluster][ephemeral][slow]") {
  mortal_node node{{.data_dir = {},
                    .store = {},
                    .more = "scheduling: { classes: { interactive: "
                            "{ wait_s: 1 } } }\n"}};
  node.await_ready();
  const auto slow = json::serialize(
    json::value{{"model", "sim"},
                {"input", "x"},
                {"class", "interactive"},
                {"params", {{"simulate", {{"service_s", 60}}}}}});
  const auto answer = fetch(node.port(), "POST", "/v1/jobs", slow, 20);
  CHECK(answer.status == 202);
  CHECK(json::parse(answer.body).at("status") == "in_progress");
}
