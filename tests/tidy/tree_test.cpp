// The rules, on this tree.
#include "tests/tidy/rules.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <set>
#include <string>

using namespace troupe::tidy;

namespace {

const std::filesystem::path root{TROUPE_SOURCE_DIR};

const std::vector<source_text>& tree() {
  static const auto all = read_tree(root);
  return all;
}

std::string printed(const findings& found) {
  std::string out;
  for (const auto& each : found)
    out += "\n" + each.path + ":" + std::to_string(each.line) + ": " + each.rule
           + ": " + each.what;
  return out;
}

// Applies a rule to every file and shows all that it finds.
template <class Rule>
void require_clean(Rule rule) {
  REQUIRE(tree().size() > 50);
  findings all;
  for (const auto& text : tree()) {
    auto found = rule(text);
    all.insert(all.end(), found.begin(), found.end());
  }
  INFO(printed(all));
  CHECK(all.empty());
}

} // namespace

TEST_CASE("the tree keeps its lengths", "[tidy][length]") {
  require_clean(check_length);
}

TEST_CASE("the tree's file names say something", "[tidy][names]") {
  require_clean(check_names);
}

TEST_CASE("the tree's actors do not block", "[tidy][actor]") {
  require_clean(check_actor);
}

TEST_CASE("the tree's coroutines capture nothing", "[tidy][coroutine]") {
  require_clean(check_coroutine);
}

TEST_CASE("the tree's tests do not wait by the clock", "[tidy][waits]") {
  require_clean(check_waits);
}

TEST_CASE("the tree keeps to its seams", "[tidy][seams]") {
  require_clean(check_seams);
}

TEST_CASE("the tree keeps to its layers", "[tidy][layers]") {
  require_clean(check_layers);
}

TEST_CASE("the tree's open ends name issues", "[tidy][todo]") {
  require_clean(check_todo);
}

TEST_CASE("the tree's pages lead somewhere", "[tidy][docs]") {
  require_clean([](const source_text& text) {
    return check_docs(text, [](const std::string& path) {
      return std::filesystem::exists(root / path);
    });
  });
}

TEST_CASE("the tree's sources include their headers first",
          "[tidy][self-contained]") {
  std::set<std::string> paths;
  for (const auto& text : tree())
    paths.insert(text.path);
  require_clean([&](const source_text& text) {
    return check_own_header_first(text, paths);
  });
}

TEST_CASE("the tree's sources are all built", "[tidy][lists]") {
  auto found = check_source_lists(tree());
  INFO(printed(found));
  CHECK(found.empty());
}
