#include "runtime/errc.hpp"
#include "runtime/result.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>

using troupe::runtime::describe;
using troupe::runtime::errc;
using troupe::runtime::errc_from_string;
using troupe::runtime::fail;
using troupe::runtime::result;
using troupe::runtime::to_string;

namespace {
constexpr int last_code = static_cast<int>(errc::rate_limited);
}

TEST_CASE("every error code has its own word and a sentence",
          "[runtime][errc]") {
  std::set<std::string_view> words;
  for (int i = 1; i <= last_code; ++i) {
    auto code = static_cast<errc>(i);
    INFO("code " << i);
    CHECK(words.insert(to_string(code)).second);
    CHECK(to_string(code) != "unknown");
    CHECK(describe(code).ends_with('.'));
    CHECK(errc_from_string(to_string(code)) == code);
  }
}

TEST_CASE("numbers outside of the list are unknown and never crash",
          "[runtime][errc]") {
  CHECK(to_string(static_cast<errc>(0)) == "unknown");
  for (int i = last_code + 1; i <= 255; ++i) {
    CHECK(to_string(static_cast<errc>(i)) == "unknown");
    CHECK_FALSE(describe(static_cast<errc>(i)).empty());
  }
  CHECK_FALSE(errc_from_string("unknown"));
  CHECK_FALSE(errc_from_string(""));
  CHECK_FALSE(errc_from_string("queue_full "));
}

TEST_CASE(
  "the value of a failed result ends in a broken invariant that says why",
  "[runtime][result]") {
  result<int> bad = fail(errc::disk_full, "at /data");
  REQUIRE(bad.has_error());
  try {
    (void)bad.value();
    FAIL("no exception");
  } catch (const troupe::runtime::broken_invariant& e) {
    std::string text = e.what();
    CHECK(text.find("disk_full") != std::string::npos);
    CHECK(text.find("at /data") != std::string::npos);
  }
}

TEST_CASE("an assertion names its condition and place", "[runtime][result]") {
  int tokens = -1;
  try {
    TROUPE_ASSERT(tokens >= 0);
    FAIL("no exception");
  } catch (const troupe::runtime::broken_invariant& e) {
    std::string text = e.what();
    CHECK(text.find("tokens >= 0") != std::string::npos);
    CHECK(text.find("errc_test.cpp:") != std::string::npos);
  }
}
