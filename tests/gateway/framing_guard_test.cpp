#include "gateway/framing_guard.hpp"

#include "gateway/request_reader.hpp"
#include "runtime/rng.hpp"
#include "tests/gateway/framing_corpus.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstring>

namespace {

namespace runtime = troupe::runtime;
namespace testing = troupe::testing;
using troupe::gateway::framing_error;
using troupe::gateway::framing_guard;
using troupe::gateway::request_reader;

struct outcome {
  framing_error error = framing_error::none;
  bool done = false;
  size_t used = 0;
  uint64_t body_bytes = 0;
  friend bool operator==(const outcome&, const outcome&) = default;
};

// Feeds `bytes` cut at the given ascending positions.
outcome run_guard(std::string_view bytes, const std::vector<size_t>& cuts) {
  framing_guard guard{{}};
  outcome out;
  size_t from = 0;
  auto feed_all = [&](std::string_view slice) {
    size_t at = 0;
    for (;;) {
      const auto before = guard.now();
      at += guard.feed(slice.substr(at));
      const auto now = guard.now();
      if (now == framing_guard::state::done
          || now == framing_guard::state::refused)
        break;
      if (at == slice.size() && before == now)
        break;
    }
    out.used += at;
  };
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const auto to = i < cuts.size() ? cuts[i] : bytes.size();
    feed_all(bytes.substr(from, to - from));
    from = to;
    if (guard.now() == framing_guard::state::done
        || guard.now() == framing_guard::state::refused)
      break;
  }
  out.error = guard.error();
  out.done = guard.now() == framing_guard::state::done;
  out.body_bytes = guard.body_bytes();
  return out;
}

struct read_result {
  framing_error error = framing_error::none;
  bool done = false;
  bool disagreed = false;
  std::string body;
};

read_result run_reader(std::string_view bytes, size_t slice) {
  request_reader reader{{}};
  read_result out;
  for (size_t from = 0;;) {
    const auto step = reader.advance();
    if (step == request_reader::step::head_ready)
      continue;
    if (step == request_reader::step::done) {
      out.done = true;
      out.body = reader.request().body;
      break;
    }
    if (step == request_reader::step::refused) {
      out.error = reader.error();
      out.disagreed = reader.disagreed();
      break;
    }
    if (from == bytes.size())
      break;
    auto room = reader.prepare();
    const auto n = std::min({slice, room.size(), bytes.size() - from});
    std::memcpy(room.data(), bytes.data() + from, n);
    reader.commit(n);
    from += n;
  }
  return out;
}

} // namespace

TEST_CASE("the guard knows good framing from bad", "[gateway][framing]") {
  for (const auto& x : testing::framing_corpus()) {
    INFO(x.name);
    const auto got = run_guard(x.bytes, {});
    CHECK(got.error == x.error);
    CHECK(got.done == (x.error == framing_error::none));
    if (x.error == framing_error::none) {
      CHECK(got.used == x.bytes.size());
      CHECK(got.body_bytes == x.body.size());
    }
  }
}

TEST_CASE("slices change nothing for the guard", "[gateway][framing]") {
  for (const auto& x : testing::framing_corpus()) {
    INFO(x.name);
    const auto whole = run_guard(x.bytes, {});
    size_t wrong = 0;
    // Every split of short ones; a sample of the long ones.
    const size_t stride = x.bytes.size() > 2000 ? 997 : 1;
    for (size_t cut = 0; cut <= x.bytes.size(); cut += stride)
      wrong += run_guard(x.bytes, {cut}) == whole ? 0u : 1u;
    if (x.bytes.size() < 2000) {
      std::vector<size_t> each;
      for (size_t cut = 1; cut < x.bytes.size(); ++cut)
        each.push_back(cut);
      wrong += run_guard(x.bytes, each) == whole ? 0u : 1u;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("guard and parser agree on the corpus", "[gateway][framing]") {
  for (const auto& x : testing::framing_corpus()) {
    INFO(x.name);
    for (const size_t slice : {size_t{1}, size_t{7}, size_t{1 << 20}}) {
      if (slice < 7 && x.bytes.size() > 100'000)
        continue;
      const auto got = run_reader(x.bytes, slice);
      CHECK(got.error == x.error);
      CHECK(got.done == (x.error == framing_error::none));
      CHECK_FALSE(got.disagreed);
      CHECK(got.body == x.body);
    }
  }
}

TEST_CASE("pipelined requests are cut where the guard says",
          "[gateway][framing]") {
  const std::string first =
    "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  const std::string second =
    "POST /b?k=1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    "2\r\nde\r\n0\r\n\r\n";
  const std::string third = "GET /c HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto all = first + second + third;
  for (size_t slice = 1; slice < all.size(); ++slice) {
    request_reader reader{{}};
    std::vector<std::pair<std::string, std::string>> seen;
    size_t from = 0;
    while (seen.size() < 3) {
      const auto step = reader.advance();
      if (step == request_reader::step::done) {
        seen.emplace_back(reader.request().path, reader.request().body);
        reader.next();
      } else if (step == request_reader::step::need_more) {
        REQUIRE(from < all.size());
        auto room = reader.prepare();
        const auto n = std::min({slice, room.size(), all.size() - from});
        std::memcpy(room.data(), all.data() + from, n);
        reader.commit(n);
        from += n;
      } else {
        REQUIRE(step == request_reader::step::head_ready);
      }
    }
    CHECK(seen
          == std::vector<std::pair<std::string, std::string>>{
            {"/a", "abc"}, {"/b", "de"}, {"/c", ""}});
    CHECK(reader.untouched());
  }
}

TEST_CASE("damaged requests never make guard and parser differ",
          "[gateway][framing]") {
  const uint64_t seed = 20260821;
  INFO("seed " << seed);
  runtime::seeded_rng random{seed};
  const auto corpus = testing::framing_corpus();
  const std::string spice = "\r\n \t:,;0159aFchunkedTE\x01\x7F\x80/";
  size_t disagreements = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = corpus[random.below(corpus.size())].bytes;
    if (bytes.size() > 1000)
      continue;
    for (auto edits = 1 + random.below(3); edits > 0 && !bytes.empty();
         --edits) {
      const auto at = random.below(bytes.size());
      const char c = spice[random.below(spice.size())];
      switch (random.below(3)) {
        case 0:
          bytes[at] = c;
          break;
        case 1:
          bytes.insert(at, 1, c);
          break;
        default:
          bytes.erase(at, 1);
          break;
      }
    }
    const auto got = run_reader(bytes, 1 + random.below(40));
    if (got.disagreed)
      UNSCOPED_INFO(bytes);
    disagreements += got.disagreed ? 1u : 0u;
  }
  CHECK(disagreements == 0);
}
