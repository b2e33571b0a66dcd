#include "runtime/config.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <set>
#include <string>
#include <vector>

using namespace troupe::runtime;

namespace {

std::vector<std::string> documented_rows() {
  // tidy: seams: the test's input
  std::ifstream in{std::string{TROUPE_SOURCE_DIR} + "/docs/configuration.md"};
  REQUIRE(in);
  std::vector<std::string> rows;
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("| `"))
      rows.push_back(line);
  return rows;
}

std::string row_of(const config_key& key) {
  return "| `" + key.path + "` | " + key.type + " | `" + key.initial + "` | "
         + key.range + " | " + key.about + " |";
}

} // namespace

TEST_CASE("docs/configuration.md has exactly the keys of the schema",
          "[runtime][config][docs]") {
  std::vector<std::string> expected;
  for (const auto& key : config_keys())
    expected.push_back(row_of(key));
  CHECK(documented_rows() == expected);
}

TEST_CASE("every key has a description and one place in the schema",
          "[runtime][config]") {
  std::set<std::string> paths;
  auto keys = config_keys();
  REQUIRE(keys.size() > 40);
  for (const auto& key : keys) {
    INFO(key.path);
    CHECK(paths.insert(key.path).second);
    CHECK(key.about.size() > 8);
    CHECK(key.about.ends_with('.'));
    CHECK_FALSE(key.range.empty());
    CHECK_FALSE(key.initial.empty());
  }
}
