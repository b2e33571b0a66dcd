#include "runtime/base32.hpp"
#include "runtime/ids.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <unordered_set>
#include <vector>

using namespace std::chrono_literals;
using namespace troupe::runtime;

namespace {
constexpr int rounds = 2000;

wall_time some_time(rng& random) {
  return wall_from_us(static_cast<int64_t>(random.next() >> 11));
}
shard_id some_shard(rng& random) {
  return {static_cast<uint16_t>(random.below(shard_id::count_max))};
}
job_id some_id(rng& random) {
  return {random.next(), random.next()};
}
} // namespace

TEST_CASE("a job id keeps its time and shard", "[runtime][ids]") {
  seeded_rng random{1};
  for (int i = 0; i < rounds; ++i) {
    auto at = wall_from_us(static_cast<int64_t>(random.next() >> 10));
    auto shard = some_shard(random);
    auto id = job_id::make(at, shard, random);
    REQUIRE(id.created_at() == at);
    REQUIRE(id.shard() == shard);
  }
}

TEST_CASE("ids, their texts and their bytes sort by time", "[runtime][ids]") {
  seeded_rng random{2};
  for (int i = 0; i < rounds; ++i) {
    auto earlier = some_time(random);
    auto later = earlier + duration{1 + random.below(1'000'000'000)};
    auto a = job_id::make(earlier, some_shard(random), random);
    auto b = job_id::make(later, some_shard(random), random);
    REQUIRE(a < b);
    REQUIRE(a.str() < b.str());
    auto bytes_a = a.bytes();
    auto bytes_b = b.bytes();
    REQUIRE(std::string_view(bytes_a.data(), bytes_a.size())
            < std::string_view(bytes_b.data(), bytes_b.size()));
  }
}

TEST_CASE("parse reads what str and bytes wrote", "[runtime][ids]") {
  seeded_rng random{3};
  std::vector<job_id> ids{{0, 0}, {UINT64_MAX, UINT64_MAX}, {0, 1}, {1, 0}};
  for (int i = 0; i < rounds; ++i)
    ids.push_back(some_id(random));
  for (auto id : ids) {
    REQUIRE(id.str().size() == job_id::text_size);
    REQUIRE(job_id::parse(id.str()) == id);
    for (std::string prefix : {"resp_", "chatcmpl-", "cmpl-"})
      REQUIRE(job_id::parse(prefix + id.bare()) == id);
    auto bytes = id.bytes();
    REQUIRE(job_id::from_bytes({bytes.data(), bytes.size()}) == id);
  }
}

TEST_CASE("an id has one spelling only", "[runtime][ids]") {
  seeded_rng random{4};
  auto text = some_id(random).str();
  for (size_t i = 0; i < text.size(); ++i)
    for (int c = 0; c < 256; ++c) {
      auto changed = text;
      changed[i] = static_cast<char>(c);
      auto read = job_id::parse(changed);
      if (read)
        REQUIRE(read->str() == changed);
      else
        REQUIRE(changed != text);
    }
}

TEST_CASE("hostile texts are no ids", "[runtime][ids]") {
  std::string good = job_id{1, 2}.str();
  std::vector<std::string> bad{
    "",
    "job_",
    "job",
    "_",
    good.substr(1),
    good.substr(0, good.size() - 1),
    good + "0",
    good + std::string(1, '\0'),
    " " + good,
    good + "\n",
    "JOB_" + good.substr(4),
    "batch_" + good.substr(4),
    "job_job_" + good.substr(4),
    "job_8" + std::string(25, '0'), // 2^128
    "job_z" + std::string(25, 'z'),
    "job_" + std::string(26, 'i'), // Crockford's aliases are refused
    "job_" + std::string(26, 'O'),
    "job_" + std::string(26, '\xFF'),
    "job_../../etc/passwd/aaaaaaaaa",
    std::string(100'000, 'a'),
  };
  for (const auto& text : bad) {
    INFO(text.substr(0, 60));
    CHECK_FALSE(job_id::parse(text));
  }
  CHECK_FALSE(job_id::from_bytes(""));
  CHECK_FALSE(job_id::from_bytes(std::string(15, 'x')));
  CHECK_FALSE(job_id::from_bytes(std::string(17, 'x')));
}

TEST_CASE("times beyond the range are clamped, and the shard stays intact",
          "[runtime][ids]") {
  seeded_rng random{5};
  shard_id last{shard_id::count_max - 1};
  auto before = job_id::make(wall_time{} - 1h, last, random);
  CHECK(before.created_at() == wall_time{});
  CHECK(before.shard() == last);
  auto far = job_id::make(wall_time::max(), last, random);
  CHECK(far.shard() == last);
  CHECK(before < far);
}

TEST_CASE("ids of one microsecond and shard differ", "[runtime][ids]") {
  seeded_rng random{6};
  std::unordered_set<job_id> seen;
  auto at = wall_from_us(1'787'306'405'123'000);
  for (int i = 0; i < 10'000; ++i)
    seen.insert(job_id::make(at, {3}, random));
  CHECK(seen.size() == 10'000);
}

TEST_CASE("request ids carry their prefix and sort by time", "[runtime][ids]") {
  seeded_rng random{7};
  auto at = wall_from_us(1'787'306'405'123'000);
  auto a = make_request_id(at, random);
  auto b = make_request_id(at + 1us, random);
  CHECK(a.size() == 30);
  CHECK(a.starts_with("req_"));
  CHECK(a < b);
  CHECK_FALSE(job_id::parse(a));
}

TEST_CASE("base32 of every single bit survives both ways",
          "[runtime][base32]") {
  for (unsigned bit = 0; bit < 128; ++bit) {
    uint128_parts value;
    (bit < 64 ? value.low : value.high) = uint64_t{1} << (bit % 64);
    auto text = to_base32(value);
    REQUIRE(from_base32({text.data(), text.size()}) == value);
  }
}
