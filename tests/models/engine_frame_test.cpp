#include "models/engine_frame.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <vector>

using namespace troupe;
using models::frame_kind;
using models::frame_reader;
using models::frame_writer;
using namespace std::string_literals;

namespace {

std::string framed(frame_writer& writer, frame_kind kind,
                   const std::string& body) {
  std::string out;
  REQUIRE(writer.append(kind, body, out));
  return out;
}

/// The reason for which a reader refuses `bytes`; empty when it wants more.
std::string refusal(const std::string& bytes) {
  frame_reader reader;
  reader.feed(bytes);
  while (true) {
    auto x = reader.next();
    if (!x) {
      CHECK(x.error().code == runtime::errc::protocol_error);
      return x.error().context;
    }
    if (!*x)
      return {};
  }
}

} // namespace

TEST_CASE("a frame is ten bytes and its body", "[models][engine_frame]") {
  frame_writer writer;
  CHECK(framed(writer, frame_kind::beat, "abc")
        == "\x00\x00\x00\x09\x02\x15\x00\x00\x00\x00"
           "abc"s);
  CHECK(framed(writer, frame_kind::load, "")
        == "\x00\x00\x00\x06\x02\x01\x00\x00\x00\x01"s);
}

TEST_CASE("frames arrive whole whatever the slices", "[models][engine_frame]") {
  frame_writer writer;
  std::string stream;
  std::vector<std::string> bodies;
  for (size_t i = 0; i < 40; ++i) {
    bodies.emplace_back(i * i, static_cast<char>('a' + i % 26));
    stream += framed(writer, frame_kind::output, bodies.back());
  }
  auto slice = GENERATE(size_t{1}, 2, 3, 7, 10, 64, 4096, 1u << 20);
  frame_reader reader;
  size_t got = 0;
  for (size_t at = 0; at < stream.size(); at += slice) {
    reader.feed(std::string_view{stream}.substr(at, slice));
    while (true) {
      auto x = reader.next();
      REQUIRE(x.has_value());
      if (!*x)
        break;
      REQUIRE(got < bodies.size());
      CHECK((*x)->kind == frame_kind::output);
      CHECK((*x)->body == bodies[got++]);
    }
  }
  CHECK(got == bodies.size());
  CHECK(reader.held() == 0);
}

TEST_CASE("a wrong length is refused before anything else arrives",
          "[models][engine_frame][hostile]") {
  CHECK(refusal("\xFF\xFF\xFF\xFF"s) == "engine frame: length 4294967295");
  CHECK(refusal("\x01\x00\x00\x01"s) == "engine frame: length 16777217");
  CHECK(refusal("\x00\x00\x00\x05"s) == "engine frame: length 5");
  CHECK(refusal("\x00\x00\x00\x00"s) == "engine frame: length 0");
  CHECK(refusal("\x01\x00\x00\x00"s).empty()); // 16 MiB are allowed.
  CHECK(refusal("\xFF\xFF\xFF"s).empty());
}

TEST_CASE("version, kind and order are checked as they arrive",
          "[models][engine_frame][hostile]") {
  CHECK(refusal("\0\0\0\6\1"s) == "engine frame: version 1");
  CHECK(refusal("\0\0\0\6\0"s) == "engine frame: version 0");
  for (auto kind : {0, 6, 15, 24, 255})
    CHECK(refusal("\0\0\0\6\2"s + static_cast<char>(kind))
          == "engine frame: unknown kind " + std::to_string(kind));
  for (auto kind : {frame_kind::load, frame_kind::resume, frame_kind::ready,
                    frame_kind::parked}) {
    frame_writer writer;
    CHECK(refusal(framed(writer, kind, "x")).empty());
  }
  CHECK(refusal("\0\0\0\6\2\x15\0\0\0\1"s)
        == "engine frame: out of order, sequence 1");
  // A repeated frame.
  auto once = "\0\0\0\6\2\x15\0\0\0\0"s;
  CHECK(refusal(once + once) == "engine frame: out of order, sequence 0");
}

TEST_CASE("a broken stream stays broken", "[models][engine_frame][hostile]") {
  frame_reader reader;
  reader.feed("GET / HTTP/1.1\r\n");
  CHECK(reader.next().has_error());
  frame_writer writer;
  reader.feed(framed(writer, frame_kind::beat, "x"));
  CHECK(reader.next().has_error());
  CHECK(reader.held() == 0); // And holds nothing.
}

TEST_CASE("an incomplete frame is known to be held", "[models][engine_frame]") {
  frame_writer writer;
  auto bytes = framed(writer, frame_kind::beat, "abc");
  frame_reader reader;
  reader.feed(std::string_view{bytes}.substr(0, bytes.size() - 1));
  auto x = reader.next();
  REQUIRE(x.has_value());
  CHECK_FALSE(x->has_value());
  CHECK(reader.held() == bytes.size() - 1);
}

TEST_CASE("a body above 16 MiB is not written and takes no number",
          "[models][engine_frame]") {
  frame_writer writer;
  std::string out;
  std::string body(models::frame_body_max + 1, 'x');
  CHECK_FALSE(writer.append(frame_kind::admit, body, out));
  CHECK(out.empty());
  body.pop_back();
  REQUIRE(writer.append(frame_kind::admit, body, out));
  frame_reader reader;
  reader.feed(out);
  auto x = reader.next();
  REQUIRE(x.has_value());
  REQUIRE(x->has_value());
  CHECK((*x)->body.size() == models::frame_body_max);
}
