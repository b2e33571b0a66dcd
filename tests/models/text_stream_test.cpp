#include "models/stop_matcher.hpp"
#include "models/text_stream.hpp"
#include "models/utf8.hpp"
#include "models/utf8_stream.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>

using namespace troupe::models;

TEST_CASE("a character split over pushes appears once it is whole",
          "[models][utf8]") {
  utf8_stream stream;
  CHECK(stream.push("a\xF0\x9F") == "a");
  CHECK(stream.held_bytes() == 2);
  CHECK(stream.push("\x98").empty());
  CHECK(stream.push("\x80z") == "\xF0\x9F\x98\x80z");
  CHECK(stream.held_bytes() == 0);
  CHECK(stream.finish().empty());
}

TEST_CASE("bytes that are no character become replacement characters",
          "[models][utf8]") {
  const std::string bad = "\xEF\xBF\xBD";
  auto whole = [](std::string_view bytes) {
    utf8_stream stream;
    auto text = stream.push(bytes);
    return text + stream.finish();
  };
  CHECK(whole("\x80") == bad);
  CHECK(whole("\xFF") == bad);
  CHECK(whole("\xC0\xAF") == bad + bad);                     // overlong
  CHECK(whole("\xED\xA0\x80") == bad + bad + bad);           // surrogate
  CHECK(whole("\xF4\x90\x80\x80") == bad + bad + bad + bad); // too large
  CHECK(whole("\xE2\x82") == bad); // the end came first
  CHECK(whole("\xE2\x82"
              "A")
        == bad + "A");
  CHECK(whole("\xE2\xE2\x82\xAC") == bad + "\xE2\x82\xAC");
  CHECK(whole("\xF0\x9F\x98\xC3\xA9") == bad + "\xC3\xA9");
}

TEST_CASE("any bytes in any pieces give the same valid text",
          "[models][utf8]") {
  auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random{seed};
  const std::string alphabet = "aZ\x80\xBF\xC3\xA9\xE2\x82\xAC\xF0\x9F\xED\xF4";
  for (int round = 0; round < 500; ++round) {
    std::string bytes;
    for (auto n = random() % 40; n > 0; --n)
      bytes += alphabet[random() % alphabet.size()];
    utf8_stream whole;
    auto expected = whole.push(bytes);
    expected += whole.finish();
    CHECK(valid_utf8(expected));
    utf8_stream pieces;
    std::string got;
    for (size_t at = 0; at < bytes.size();) {
      auto n = random() % 4;
      auto out = pieces.push(std::string_view{bytes}.substr(at, n));
      CHECK(valid_utf8(out));
      got += out;
      at += n;
    }
    got += pieces.finish();
    CHECK(got == expected);
    if (valid_utf8(bytes))
      CHECK(got == bytes);
  }
}

TEST_CASE("a stop string over several pieces is never shown",
          "[models][stop]") {
  stop_matcher matcher{{"END"}};
  CHECK(matcher.push("abcE").text == "abc");
  CHECK(matcher.push("N").text.empty());
  CHECK(matcher.held_bytes() == 2);
  auto last = matcher.push("Dxyz");
  CHECK(last.stopped);
  CHECK(last.text.empty());
}

TEST_CASE("text that only began like a stop string is shown later",
          "[models][stop]") {
  stop_matcher matcher{{"END"}};
  CHECK(matcher.push("EN").text.empty());
  CHECK(matcher.push("E").text == "EN");
  CHECK(matcher.push("!").text == "E!");
  CHECK(matcher.push("E").text.empty());
  CHECK(matcher.finish() == "E");
}

TEST_CASE("the stop string that starts first wins", "[models][stop]") {
  SECTION("a short one inside a long one that is still open") {
    stop_matcher matcher{{"b", "abc"}};
    auto first = matcher.push("xab");
    CHECK_FALSE(first.stopped); // "abc" starts earlier and may complete
    CHECK(first.text == "x");
    auto second = matcher.push("c");
    CHECK(second.stopped);
    CHECK(second.text.empty());
  }
  SECTION("the long one fails: the short one counts") {
    stop_matcher matcher{{"b", "abc"}};
    CHECK(matcher.push("xab").text == "x");
    auto second = matcher.push("d");
    CHECK(second.stopped);
    CHECK(second.text == "a");
  }
  SECTION("the text ends while the long one is open") {
    stop_matcher matcher{{"b", "abc"}};
    CHECK(matcher.push("xab").text == "x");
    CHECK(matcher.finish() == "a");
  }
}

TEST_CASE("empty stop strings match nothing", "[models][stop]") {
  stop_matcher matcher{{"", ""}};
  auto out = matcher.push("text");
  CHECK_FALSE(out.stopped);
  CHECK(out.text == "text");
}

TEST_CASE("stop strings found in pieces are those found in the whole",
          "[models][stop]") {
  auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random{seed};
  for (int round = 0; round < 1000; ++round) {
    std::string text;
    for (auto n = random() % 30; n > 0; --n)
      text += static_cast<char>('a' + random() % 2);
    std::vector<std::string> stops;
    for (auto n = random() % 3; n > 0; --n) {
      stops.emplace_back();
      for (auto k = random() % 4 + 2; k > 0; --k)
        stops.back() += static_cast<char>('a' + random() % 2);
    }
    auto first = std::string::npos;
    for (const auto& s : stops)
      first = std::min(first, text.find(s));
    stop_matcher matcher{stops};
    std::string got;
    bool stopped = false;
    for (size_t at = 0; at < text.size() && !stopped;) {
      auto n = random() % 3 + 1;
      auto out = matcher.push(std::string_view{text}.substr(at, n));
      got += out.text;
      stopped = out.stopped;
      at += n;
    }
    if (!stopped)
      got += matcher.finish();
    CHECK(got == text.substr(0, first));
  }
}

TEST_CASE("tokens count once their text begins to be shown",
          "[models][text_stream]") {
  text_stream stream{{"STOP"}};
  auto a = stream.push("hello S");
  CHECK(a.text == "hello ");
  CHECK(a.tokens == 1);
  auto b = stream.push("T");
  CHECK(b.text.empty());
  CHECK(b.tokens == 0); // continued from here it must be made again
  auto c = stream.push("x\xE2\x82");
  CHECK(c.text == "STx");
  CHECK(c.tokens == 2);
  auto d = stream.push("\xAC");
  CHECK(d.text == "\xE2\x82\xAC");
  CHECK(d.tokens == 1);
  auto e = stream.push("STOP!");
  CHECK(e.stopped);
  CHECK(e.text.empty());
  CHECK(e.tokens == 1);
}

TEST_CASE("tokens without text count at once", "[models][text_stream]") {
  text_stream stream{{}};
  CHECK(stream.push("").tokens == 1);
  CHECK(stream.push("a").tokens == 1);
  CHECK(stream.push("\xE2").tokens == 0);
  auto end = stream.finish();
  CHECK(end.tokens == 1);
  CHECK(end.text == "\xEF\xBF\xBD");
}
