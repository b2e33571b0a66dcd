#include "models/line_log.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace troupe;
using models::line_log;

namespace {

const runtime::mono_time t0{std::chrono::hours{1}};

struct recorder {
  std::vector<std::string> lines;
  line_log log{[this](std::string_view x) { lines.emplace_back(x); }};
};

} // namespace

TEST_CASE("lines are written whole, whatever the slices",
          "[models][line_log]") {
  recorder r;
  r.log.feed("one\ntw", t0);
  r.log.feed("o\n\nthr", t0);
  CHECK(r.lines == std::vector<std::string>{"one", "two", ""});
  r.log.finish(t0);
  CHECK(r.lines.back() == "thr");
}

TEST_CASE("a line without an end takes bounded memory", "[models][line_log]") {
  recorder r;
  for (int i = 0; i < 1000; ++i)
    r.log.feed(std::string(1000, 'x'), t0);
  r.log.feed("\nnext\n", t0);
  REQUIRE(r.lines.size() == 2);
  CHECK(r.lines[0] == std::string(line_log::line_bytes_max, 'x'));
  CHECK(r.lines[1] == "next");
}

TEST_CASE("lines above the limit of a second are counted, not written",
          "[models][line_log]") {
  recorder r;
  for (int i = 0; i < 1000; ++i)
    r.log.feed("babble\n", t0);
  CHECK(r.lines.size() == line_log::lines_max);
  r.log.feed("later\n", t0 + std::chrono::seconds{2});
  REQUIRE(r.lines.size() == line_log::lines_max + 2);
  CHECK(r.lines[line_log::lines_max] == "(900 more lines)");
  CHECK(r.lines.back() == "later");
}

TEST_CASE("a log that nobody reads is no trouble", "[models][line_log]") {
  line_log log{{}};
  for (int i = 0; i < 300; ++i)
    CHECK_NOTHROW(log.feed("x\n", t0));
  CHECK_NOTHROW(log.finish(t0));
}
