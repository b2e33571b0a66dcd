// Random bytes, random damage and random slices against the frame reader and the
// codec: whatever comes in, the answer is a message or `protocol_error`, and it
// does not depend on how the bytes were cut.
#include "models/engine_codec.hpp"
#include "runtime/rng.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace troupe;
using namespace models;

namespace {

std::string random_text(runtime::rng& random, size_t size_max) {
  std::string text(random.below(size_max), ' ');
  for (auto& c : text)
    c = static_cast<char>(' ' + random.below(95));
  return text;
}

engine_event random_event(runtime::rng& random) {
  runtime::attempt_id id{.job = {random.next(), random.next()},
                         .epoch = random.below(1000),
                         .attempt = 1};
  switch (random.below(6)) {
    case 0:
      return attempt_began{.id = id, .input_tokens = 12};
    case 1:
      return attempt_output{
        .id = id, .text = random_text(random, 300), .tokens = 4};
    case 2:
      return attempt_finished{.id = id, .output_tokens = 9};
    case 3:
      return attempt_failed{
        .id = id, .why = {runtime::errc::model_error, random_text(random, 40)}};
    case 4:
      return engine_beat{.steps = random.next()};
    default:
      return engine_died{
        .why = {runtime::errc::worker_lost, random_text(random, 40)}};
  }
}

/// What a node would see.
struct seen_stream {
  std::string messages; ///< Kinds and bodies.
  std::string refusal;  ///< Empty when the stream was in order.
};

seen_stream outcome(std::string_view bytes, auto next_slice) {
  frame_reader reader;
  seen_stream seen;
  while (!bytes.empty()) {
    auto size = std::clamp<size_t>(next_slice(), 1, bytes.size());
    reader.feed(bytes.substr(0, size));
    bytes.remove_prefix(size);
    while (true) {
      auto x = reader.next();
      if (!x) {
        seen.refusal = x.error().context;
        return seen;
      }
      if (!*x)
        break;
      seen.messages += std::to_string(static_cast<int>((*x)->kind));
      auto event = decode_event(**x);
      seen.messages += event ? "=" + (*x)->body : "?" + event.error().context;
      (void)decode_order(**x);
    }
  }
  return seen;
}

void damage(std::string& bytes, runtime::rng& random) {
  for (auto n = random.below(4); n > 0 && !bytes.empty(); --n) {
    auto at = random.below(bytes.size());
    switch (random.below(4)) {
      case 0:
        bytes[at] = static_cast<char>(random.next());
        break;
      case 1:
        bytes[at] ^= static_cast<char>(1 << random.below(8));
        break;
      case 2:
        bytes.erase(at, 1 + random.below(8));
        break;
      default:
        bytes.insert(at, 1 + random.below(8), static_cast<char>(random.next()));
    }
  }
}

} // namespace

TEST_CASE("no slicing and no damage gets past the engine protocol",
          "[models][engine_frame][random]") {
  auto seed = Catch::getSeed();
  CAPTURE(seed);
  runtime::seeded_rng random{seed};
  size_t intact = 0;
  for (int round = 0; round < 2000; ++round) {
    frame_writer writer;
    std::string bytes;
    for (auto n = random.below(8); n > 0; --n)
      REQUIRE(append_event(random_event(random), writer, bytes));
    auto whole = bytes;
    damage(bytes, random);
    auto at_once = outcome(bytes, [&] { return bytes.size(); });
    auto sliced = outcome(bytes, [&] { return 1 + random.below(40); });
    REQUIRE(at_once.messages == sliced.messages);
    REQUIRE(at_once.refusal == sliced.refusal);
    if (bytes == whole) {
      ++intact;
      REQUIRE(at_once.refusal.empty());
    }
  }
  CHECK(intact > 0);
}

TEST_CASE("random bodies are messages or refusals",
          "[models][engine_codec][random]") {
  auto seed = Catch::getSeed();
  CAPTURE(seed);
  runtime::seeded_rng random{seed};
  // Bytes that mean something in msgpack come more often than chance has it.
  constexpr std::string_view tags{
    "\x90\x91\x92\x93\x94\x96\x98\xA0\xA1\xC0\xC2\xC3\xC4\x10\xCB\xCE\xCF\xDC"
    "\xDD\xDE\xDF\x80\x81\xFF"};
  for (int round = 0; round < 20'000; ++round) {
    std::string body(random.below(80), '\0');
    for (auto& c : body)
      c = random.below(2) == 0 ? tags[random.below(tags.size())]
                               : static_cast<char>(random.next());
    for (auto kind : {frame_kind::load, frame_kind::admit, frame_kind::cancel,
                      frame_kind::ready, frame_kind::output, frame_kind::failed,
                      frame_kind::died}) {
      frame x{.kind = kind, .body = body};
      auto event = decode_event(x);
      auto order = decode_order(x);
      REQUIRE((event || event.error().code == runtime::errc::protocol_error));
      REQUIRE((order || order.error().code == runtime::errc::protocol_error));
    }
  }
}
