// The demo model under a real node whose engine process is killed in the middle
// of its batch: every job goes on from the text that its client has seen.
#include "tests/support/mortal_node.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>

using troupe::tests::check_history;
using troupe::tests::mortal_node;
namespace json = boost::json;

TEST_CASE("killed engine: the jobs of its batch continue what was streamed",
          "[models][cluster][slow]") {
  mortal_node node{"{ name: writer, backend: torch_decoder, slots: 8, path: "
                   "\"" TROUPE_SOURCE_DIR "/models/demo/writer\" }"};
  node.await_ready();
  std::vector<std::string> ids;
  for (int i = 0; i < 24; ++i) {
    ids.push_back(node.submit(json::value{
      {"model", "writer"},
      {"input", "Package: engine-" + std::to_string(i) + "\n"},
      {"params",
       {{"max_output_tokens", 120}, {"temperature", 0.8}, {"seed", i}}}}));
    REQUIRE(!ids.back().empty());
  }
  auto seen = node.await_events(ids.front(), 4);
  CHECK(node.kill_engines() == 1);
  size_t retried = 0;
  for (const auto& id : ids) {
    auto job = node.await_end(id);
    auto status = job.at("status").as_string();
    CHECK((status == "completed" || status == "incomplete"));
    CHECK(job.at("usage").at("output_tokens").to_number<int>() <= 120);
    retried += job.at("attempt").to_number<int>() > 1 ? 1 : 0;
    check_history(node, id);
  }
  CHECK(retried >= 1);
  auto all = node.events(ids.front());
  REQUIRE(all.size() >= seen.size());
  for (size_t i = 0; i < seen.size(); ++i)
    CHECK(all[i] == seen[i]);
}
