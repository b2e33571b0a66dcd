#include "runtime/rng.hpp"
#include "runtime/sse_parser.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace troupe::runtime;

namespace {
std::vector<sse_event> parse(const std::string& text) {
  return sse_parser{}.feed(text);
}
} // namespace

TEST_CASE("events have a type, data and the last id", "[runtime][sse_parser]") {
  CHECK(parse("retry: 1500\nid: 7\nevent: output.delta\ndata: {\"a\":1}\n\n")
        == std::vector<sse_event>{{"output.delta", "{\"a\":1}", "7"}});
  CHECK(
    parse("data: a\ndata:b\ndata\n\ndata: c\n\n")
    == std::vector<sse_event>{{"message", "a\nb\n", ""}, {"message", "c", ""}});
}

TEST_CASE("the id outlives its event, also one without data",
          "[runtime][sse_parser]") {
  sse_parser parser;
  CHECK(parser.feed("id: 3\n\n").empty());
  CHECK(parser.last_id() == "3");
  CHECK(parser.feed("data: x\n\n").at(0).id == "3");
  parser.feed(std::string("id: 9\0\n", 7));
  CHECK(parser.last_id() == "3");
}

TEST_CASE("comments, unknown fields and bad retries are passed over",
          "[runtime][sse_parser]") {
  sse_parser parser;
  CHECK(
    parser.feed(": hb\n\n:\n\nunknown: x\nretry: soon\nretry: 5x\n\n").empty());
  CHECK_FALSE(parser.retry_ms());
  parser.feed("retry: 2500\n");
  CHECK(parser.retry_ms() == 2500);
}

TEST_CASE("an event that the stream did not end never happened",
          "[runtime][sse_parser]") {
  CHECK(parse("data: whole\n\ndata: cut\n").size() == 1);
  CHECK(parse("data: no blank line").empty());
}

TEST_CASE("any slicing and any line end give the same events",
          "[runtime][sse_parser]") {
  std::string with_lf = "\xEF\xBB\xBF"
                        ": hello\nid: 1\nevent: a\ndata: x\ndata:  y\n\n\n"
                        "data: z\nid: 2\n\nevent: lost\n\ndata:\n\n";
  auto expected = parse(with_lf);
  REQUIRE(expected
          == std::vector<sse_event>{
            {"a", "x\n y", "1"}, {"message", "z", "2"}, {"message", "", "2"}});
  for (std::string end : {"\n", "\r", "\r\n"}) {
    std::string text;
    for (auto c : with_lf)
      text += c == '\n' ? end : std::string(1, c);
    for (uint64_t seed = 0; seed < 200; ++seed) {
      seeded_rng random{seed};
      sse_parser parser;
      std::vector<sse_event> got;
      for (size_t i = 0; i < text.size();) {
        auto size = 1 + random.below(seed % 7 + 1);
        for (auto& x : parser.feed(std::string_view{text}.substr(i, size)))
          got.push_back(x);
        i += size;
      }
      INFO("seed " << seed);
      REQUIRE(got == expected);
    }
  }
}

TEST_CASE("endless lines and events end at the bound",
          "[runtime][sse_parser]") {
  sse_parser lines{100};
  CHECK(lines.feed("data: " + std::string(200, 'x')).empty());
  CHECK(lines.overflowed());
  CHECK(lines.feed("\n\ndata: x\n\n").empty());

  sse_parser events{100};
  for (int i = 0; i < 50; ++i)
    CHECK(events.feed("data: 0123456789\n").empty());
  CHECK(events.overflowed());
}
