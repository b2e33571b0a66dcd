#include "runtime/job_codec.hpp"
#include "runtime/replay_run.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>

using namespace troupe::runtime;

namespace {

replay_run golden_run() {
  const job_id id{0x0019'2E6A'1B54'4C07, 0x0123'4567'89AB'CDEF};
  replay_run x;
  x.id = id;
  x.tenant = "acme";
  x.status = run_status::paused;
  x.by_ids = true;
  x.reasons = {letter_reason::poison};
  x.models = {"writer"};
  x.classes = {"batch"};
  x.tiers = {service_tier::flex, service_tier::priority};
  x.died_after = wall_from_us(1);
  x.died_before = wall_from_us(2);
  x.edit = R"({"input":"x"})";
  x.rate_per_s = 2.5;
  x.max = 7;
  x.oldest_first = false;
  x.counts = {1, 2, 3, 4, 5, 6, 7};
  x.after = id;
  x.listed_all = true;
  x.waiting = {id, {1, 2}};
  x.open = {{3, 4}};
  return x;
}

std::string to_hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (size_t i = 0; i < bytes.size(); ++i) {
    out += digits[static_cast<uint8_t>(bytes[i]) >> 4];
    out += digits[static_cast<uint8_t>(bytes[i]) & 15];
    if (i % 32 == 31 || i + 1 == bytes.size())
      out += '\n';
  }
  return out;
}

} // namespace

TEST_CASE("a stored run has its golden bytes and comes back",
          "[runtime][job_codec][dlq]") {
  const auto path =
    std::string{TROUPE_SOURCE_DIR} + "/tests/golden/job_codec/run.hex";
  const auto bytes = encode(golden_run());
  if (std::getenv("TROUPE_WRITE_GOLDEN") != nullptr)
    std::ofstream{path} << to_hex(bytes);
  std::ifstream file{path};
  const std::string stored{std::istreambuf_iterator<char>{file}, {}};
  CHECK(to_hex(bytes) == stored);
  CHECK(decode_run(bytes).value() == golden_run());
  CHECK(decode_run(encode(replay_run{})).value() == replay_run{});
}

TEST_CASE("a damaged run is refused or is some run", "[runtime][dlq]") {
  const auto bytes = encode(golden_run());
  for (size_t n = 0; n < bytes.size(); ++n)
    CHECK(decode_run(bytes.substr(0, n)).has_error());
  for (size_t at = 0; at < bytes.size(); ++at)
    for (int value = 0; value < 256; ++value) {
      auto other = bytes;
      other[at] = static_cast<char>(value);
      if (auto run = decode_run(other))
        REQUIRE(decode_run(encode(*run)).has_value());
    }
}

TEST_CASE("the names of runs", "[runtime][dlq]") {
  const auto id = golden_run().id;
  CHECK(run_name(id).starts_with("rpl_"));
  CHECK(parse_run_name(run_name(id)) == id);
  for (const auto& wrong : {id.str(), std::string{}, std::string{"rpl_"},
                            std::string{"rpl_!"}, id.bare()})
    CHECK_FALSE(parse_run_name(wrong));
  for (auto x : {run_status::running, run_status::paused, run_status::completed,
                 run_status::cancelled})
    CHECK(to_string(x) != "unknown");
  CHECK_FALSE(has_ended(run_status::paused));
  CHECK(has_ended(run_status::cancelled));
}
