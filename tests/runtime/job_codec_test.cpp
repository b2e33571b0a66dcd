// tidy: length: golden values and hostile bytes of one codec
#include "runtime/job_codec.hpp"
#include "runtime/msgpack_cursor.hpp"
#include "tests/support/job_samples.hpp"

#include <catch2/catch_test_macros.hpp>
#include <msgpack.hpp>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>

using namespace troupe::runtime;
using troupe::tests::job_samples;

namespace {

// --- golden values: fixed for ever ------------------------------------------

constexpr job_id golden_id{0x0019'2E6A'1B54'4C07, 0x0123'4567'89AB'CDEF};
constexpr job_id other_id{0x0019'2E6A'1B54'4C08, 1};

job_spec golden_spec() {
  job_spec x;
  x.id = golden_id;
  x.tenant = "acme";
  x.model = "writer";
  x.task = task_kind::chat;
  x.messages = {{"system", "Be brief."}, {"user", "Gr\u00fc\u00dfe"}};
  x.params.max_output_tokens = 300;
  x.params.temperature = 0.7;
  x.params.stop = {"\n\n", "END"};
  x.params.seed = -42;
  x.simulate.emplace().service_s = 1.5;
  x.simulate->fail_code = "transient";
  x.tier = service_tier::priority;
  x.deadline = {std::chrono::seconds{5}, std::chrono::seconds{60},
                deadline_action::cutover};
  x.resume = resume_mode::restart;
  x.max_attempts = 5;
  x.metadata = {{"a", "1"}, {"b", ""}};
  x.estimated_s = 2.25;
  x.fallbacks = {"writer-small", "sim"};
  x.may_degrade = false;
  x.replay_of = other_id;
  x.alias = "assistant";
  x.intent = request_intent::explore;
  x.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  x.truncation_auto = true;
  return x;
}

job_record golden_record() {
  job_record x;
  x.id = golden_id;
  x.tenant = "acme";
  x.model = "writer";
  x.model_used = "writer-small";
  x.job_class = "standard";
  x.tier = service_tier::flex;
  x.status = job_status::failed;
  x.phase = job_phase::none;
  x.version = 7;
  x.attempt = 2;
  x.charged = 1;
  x.suspect = true;
  x.lease_epoch = 1ull << 40;
  x.order_key = -1;
  x.estimated_s = 2.25;
  x.created_at = golden_id.created_at();
  x.started_at = x.created_at + duration{1500};
  x.finished_at = x.created_at + duration{2'000'000};
  x.retires_at = x.created_at + std::chrono::hours{24};
  x.next_seq = 70'000;
  x.output_bytes = 300;
  x.usage = {12, 3, 200, 0.5};
  x.timing = {1000, 2000, 300};
  x.finish = finish_reason::length;
  x.dead_letter = true;
  x.error = failure{errc::worker_lost, "engine exited with 139"};
  x.queue_model = "writer-small";
  x.key_base = 1'790'000'000'000'000;
  x.forecast = {1.5, 31, 120, 300};
  x.degradations = {{degradation_kind::model, "writer", "writer-small", 7}};
  x.may_degrade = false;
  x.fallbacks = {"writer-small"};
  x.replay_of = golden_id;
  x.letter = letter_state::replayed;
  x.replayed_as = other_id;
  x.alias = "assistant";
  x.intent = request_intent::fast;
  x.budget_cost = 4.5;
  x.budget_serial = 77;
  x.kept_tokens_min = 9;
  return x;
}

std::vector<event> golden_events() {
  const auto at = golden_id.created_at();
  return {
    {41, at, job_created{golden_record()}},
    {42, at, job_queued{3, 0.25}},
    {43, at, job_started{1, "writer", "writer/0@node-1"}},
    {44, at, output_delta{0, 0, "H\u00e9llo", 2}},
    {45, at, output_reset{0, 3}},
    {46, at, output_item_done{0, "Hello", finish_reason::stop}},
    {47, at,
     job_retrying{2, "worker_lost", 0.2, failure{errc::worker_lost, "killed"}}},
    {48, at, job_ended{golden_record(), "because"}},
    {49, at, job_degraded{{degradation_kind::output_limit, "300", "120", 0}}}};
}

idempotency_entry golden_idempotency() {
  return {golden_id, std::string(32, '\xA5'),
          golden_id.created_at() + std::chrono::hours{1}};
}

job_output golden_output() {
  return {"Once upon a time", finish_reason::deadline};
}

struct golden {
  std::string name;
  std::string bytes;
  std::function<bool(std::string_view)> decodes; ///< To anything.
};

std::vector<golden> all_golden() {
  return {
    {"spec", encode(golden_spec()),
     [](auto b) { return decode_spec(b).has_value(); }},
    {"record", encode(golden_record()),
     [](auto b) { return decode_record(b).has_value(); }},
    {"events", encode_events(golden_events()),
     [](auto b) { return decode_events(b).has_value(); }},
    {"output", encode(golden_output()),
     [](auto b) { return decode_output(b).has_value(); }},
    {"idempotency", encode(golden_idempotency()),
     [](auto b) { return decode_idempotency(b).has_value(); }},
  };
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

std::string golden_path(const std::string& name) {
  return std::string{TROUPE_SOURCE_DIR} + "/tests/golden/job_codec/" + name
         + ".hex";
}

/// TROUPE_WRITE_GOLDEN=1 writes the vectors instead of checking them; only for
/// a new schema version, whose old vectors are kept beside it.
bool write_golden() {
  return std::getenv("TROUPE_WRITE_GOLDEN") != nullptr;
}

/// The bytes of a vector.
std::string stored_bytes(const std::string& name) {
  std::ifstream file{golden_path(name)};
  std::string bytes;
  for (std::string line; std::getline(file, line);)
    for (size_t i = 0; i + 1 < line.size(); i += 2)
      bytes += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
  return bytes;
}

/// As builds knew it that had no budgets.
job_record before_budgets(job_record x) {
  x.budget_cost = 0;
  x.budget_serial = 0;
  x.kept_tokens_min = 0;
  x.alias.clear();
  x.intent.reset();
  return x;
}

/// As builds of 2026-11-24 knew it.
job_record before_replay(job_record x) {
  x.queue_model.clear();
  x.key_base = 0;
  x.forecast = {};
  x.degradations.clear();
  x.may_degrade = true;
  x.fallbacks.reset();
  x.replay_of.reset();
  x.letter = letter_state::dead;
  x.replayed_as.reset();
  x.alias.clear();
  x.intent.reset();
  return before_budgets(std::move(x));
}

// --- msgpack by hand --------------------------------------------------------

std::string
packed(const std::function<void(msgpack::packer<msgpack::sbuffer>&)>& f) {
  msgpack::sbuffer buffer;
  msgpack::packer packer{buffer};
  f(packer);
  return {buffer.data(), buffer.size()};
}

std::string
output_with(const std::function<void(msgpack::packer<msgpack::sbuffer>&)>& f) {
  return '\x01' + packed(f);
}

} // namespace

TEST_CASE("stored job values have the golden bytes", "[runtime][job_codec]") {
  for (const auto& x : all_golden()) {
    INFO(x.name);
    if (write_golden())
      std::ofstream{golden_path(x.name)} << to_hex(x.bytes);
    std::ifstream file{golden_path(x.name)};
    REQUIRE(file);
    const std::string stored{std::istreambuf_iterator<char>{file}, {}};
    CHECK(to_hex(x.bytes) == stored);
  }
}

TEST_CASE("values stored before jobs could be replayed are still read",
          "[runtime][job_codec][dlq]") {
  auto spec = golden_spec();
  spec.replay_of.reset();
  spec.fallbacks.reset();
  spec.may_degrade = true;
  spec.alias.clear();
  spec.intent.reset();
  spec.traceparent.clear();
  spec.truncation_auto = false;
  CHECK(decode_spec(stored_bytes("spec_before_replay")).value() == spec);
  CHECK(decode_record(stored_bytes("record_before_replay")).value()
        == before_replay(golden_record()));
  auto events = golden_events();
  events.pop_back(); // job_degraded came later.
  for (auto& x : events) {
    if (auto* created = std::get_if<job_created>(&x.body))
      created->record = before_replay(created->record);
    else if (auto* ended = std::get_if<job_ended>(&x.body))
      ended->record = before_replay(ended->record);
    else if (auto* retrying = std::get_if<job_retrying>(&x.body))
      retrying->error.reset();
  }
  CHECK(decode_events(stored_bytes("events_before_replay")).value() == events);
}

TEST_CASE("golden values come back as they were", "[runtime][job_codec]") {
  CHECK(decode_spec(encode(golden_spec())).value() == golden_spec());
  CHECK(decode_record(encode(golden_record())).value() == golden_record());
  CHECK(decode_events(encode_events(golden_events())).value()
        == golden_events());
  CHECK(decode_output(encode(golden_output())).value() == golden_output());
  CHECK(decode_idempotency(encode(golden_idempotency())).value()
        == golden_idempotency());
}

TEST_CASE("msgpack-c reads what we write", "[runtime][job_codec]") {
  for (const auto& x : all_golden()) {
    INFO(x.name);
    size_t offset = 1;
    const auto handle = msgpack::unpack(x.bytes.data(), x.bytes.size(), offset);
    CHECK(offset == x.bytes.size());
    CHECK(handle.get().type == msgpack::type::ARRAY);
  }
}

TEST_CASE("random values survive a round trip", "[runtime][job_codec]") {
  job_samples samples{20'260'731};
  for (int i = 0; i < 500; ++i) {
    const auto id = samples.id({static_cast<uint16_t>(samples.below(1024))});
    const auto spec = samples.spec(id);
    REQUIRE(decode_spec(encode(spec)).value() == spec);
    const auto record = samples.record(id);
    REQUIRE(decode_record(encode(record)).value() == record);
    const auto events = samples.events(samples.below(1u << 20), 5, id);
    REQUIRE(decode_events(encode_events(events)).value() == events);
    const auto output = samples.output();
    REQUIRE(decode_output(encode(output)).value() == output);
    const auto entry = samples.idempotency(id);
    REQUIRE(decode_idempotency(encode(entry)).value() == entry);
  }
}

TEST_CASE("extreme numbers survive a round trip", "[runtime][job_codec]") {
  job_record x = golden_record();
  x.order_key = std::numeric_limits<int64_t>::min();
  x.next_seq = std::numeric_limits<uint64_t>::max();
  x.version = std::numeric_limits<uint32_t>::max();
  x.started_at = wall_from_us(std::numeric_limits<int64_t>::max());
  x.finished_at = wall_from_us(std::numeric_limits<int64_t>::min());
  x.estimated_s = std::numeric_limits<double>::infinity();
  x.usage.cost = std::numeric_limits<double>::denorm_min();
  CHECK(decode_record(encode(x)).value() == x);
}

TEST_CASE("an empty chunk of events is legal", "[runtime][job_codec]") {
  CHECK(decode_events(encode_events({})).value().empty());
}

TEST_CASE("every prefix of a stored value is refused", "[runtime][job_codec]") {
  for (const auto& x : all_golden())
    for (size_t size = 0; size < x.bytes.size(); ++size) {
      INFO(x.name << " cut to " << size);
      REQUIRE_FALSE(x.decodes(std::string_view{x.bytes}.substr(0, size)));
    }
}

TEST_CASE("every changed byte decodes to something or is refused",
          "[runtime][job_codec]") {
  size_t refused = 0;
  size_t tried = 0;
  for (const auto& x : all_golden())
    for (size_t at = 0; at < x.bytes.size(); ++at)
      for (int value = 0; value < 256; ++value) {
        auto bytes = x.bytes;
        bytes[at] = static_cast<char>(value);
        ++tried;
        refused += !x.decodes(bytes);
      }
  CHECK(refused > tried / 10);
  CHECK(refused < tried);
}

TEST_CASE("a mutated golden byte never breaks another round trip",
          "[runtime][job_codec]") {
  job_samples samples{7};
  const auto golden = encode(golden_spec());
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = golden;
    for (auto n = 1 + samples.below(8); n > 0; --n)
      bytes[samples.below(bytes.size())] =
        static_cast<char>(samples.below(256));
    const auto x = decode_spec(bytes);
    if (!x)
      continue;
    // What was accepted is a value that can be stored again.
    const auto again = decode_spec(encode(*x));
    REQUIRE(again.has_value());
    REQUIRE(encode(*again) == encode(*x));
  }
}

TEST_CASE("random bytes are refused", "[runtime][job_codec]") {
  job_samples samples{11};
  for (int i = 0; i < 20'000; ++i) {
    const auto bytes = '\x01' + samples.bytes(samples.below(200));
    for (const auto& x : all_golden())
      (void)x.decodes(bytes);
  }
  CHECK(decode_spec("").error().code == errc::corruption);
}

TEST_CASE("a newer schema version is refused by number",
          "[runtime][job_codec]") {
  auto bytes = encode(golden_output());
  bytes[0] = static_cast<char>(job_schema_version + 1);
  const auto x = decode_output(bytes);
  REQUIRE(x.has_error());
  CHECK(x.error().code == errc::corruption);
  CHECK(x.error().context.find("version 2") != std::string::npos);
  bytes[0] = 0;
  CHECK(decode_output(bytes).has_error());
}

TEST_CASE("fields of a newer writer are ignored", "[runtime][job_codec]") {
  const auto bytes = output_with([](auto& p) {
    p.pack_array(5);
    p.pack(std::string{"text"});
    p.pack(2);
    p.pack(std::vector<std::vector<int>>{{1}, {2, 3}, {}});
    p.pack_map(1);
    p.pack_nil();
    p.pack_ext(4, 1);
    p.pack_ext_body("abcd", 4);
    p.pack(1.5f);
  });
  CHECK(decode_output(bytes).value()
        == job_output{"text", finish_reason::length});
}

TEST_CASE("fields that an older writer did not know keep their defaults",
          "[runtime][job_codec]") {
  const auto bytes = output_with([](auto& p) {
    p.pack_array(1);
    p.pack(std::string{"text"});
  });
  CHECK(decode_output(bytes).value()
        == job_output{"text", finish_reason::none});
  const auto spec = output_with([](auto& p) { p.pack_array(0); });
  CHECK(decode_spec(spec).value() == job_spec{});
}

TEST_CASE("the refusal names the field and the byte", "[runtime][job_codec]") {
  auto spec = golden_spec();
  spec.params.top_k = 77;
  auto bytes = encode(spec);
  bytes[bytes.find('\x4D')] = '\xC2'; // top_k becomes `false`.
  const auto x = decode_spec(bytes);
  REQUIRE(x.has_error());
  INFO(x.error().context);
  CHECK(x.error().context.starts_with("job_spec.params.top_k: "));
}

TEST_CASE("an enumeration's number that nobody knows is refused",
          "[runtime][job_codec]") {
  for (const int number : {7, 255, 300, -1}) {
    const auto bytes = output_with([number](auto& p) {
      p.pack_array(2);
      p.pack(std::string{"text"});
      p.pack(number);
    });
    INFO(number);
    CHECK(decode_output(bytes).has_error());
  }
}

TEST_CASE("a length is believed only as far as bytes are left",
          "[runtime][job_codec]") {
  using namespace std::string_literals;
  // array32, str32, bin32 and map32 that announce 4 GiB.
  for (const auto& bomb :
       {"\x01\xDD\xFF\xFF\xFF\xFF"s, "\x01\x92\xDB\xFF\xFF\xFF\xFF"s,
        "\x01\x93\xC6\xFF\xFF\xFF\xFF"s, "\x01\x92\xA0\xDF\xFF\xFF\xFF\xFF"s}) {
    for (const auto& x : all_golden())
      CHECK_FALSE(x.decodes(bomb));
  }
}

TEST_CASE("nesting is skipped to a depth of 32 and refused beyond",
          "[runtime][job_codec]") {
  const auto nested = [](size_t depth) {
    return output_with([depth](auto& p) {
      p.pack_array(3);
      p.pack(std::string{});
      p.pack(1);
      for (size_t i = 0; i < depth; ++i)
        p.pack_array(1);
      p.pack_nil();
    });
  };
  CHECK(decode_output(nested(32)).has_value());
  CHECK(decode_output(nested(33)).has_error());
  CHECK(decode_output(nested(100'000)).has_error());
}

TEST_CASE("bytes behind the value are refused", "[runtime][job_codec]") {
  for (const auto& x : all_golden())
    CHECK_FALSE(x.decodes(x.bytes + '\xC0'));
}

TEST_CASE("a chunk with a hole in its numbers is refused",
          "[runtime][job_codec]") {
  auto events = golden_events();
  events[3].seq = 100;
  const auto x = decode_events(encode_events(events));
  REQUIRE(x.has_error());
  CHECK(x.error().context.find("not consecutive") != std::string::npos);
}

TEST_CASE("the cursor reads every msgpack type that it is given",
          "[runtime][msgpack_cursor]") {
  const auto bytes = packed([](auto& p) {
    p.pack(uint64_t{0xFFFF'FFFF'FFFF'FFFF});
    p.pack(int64_t{std::numeric_limits<int64_t>::min()});
    p.pack(-5);
    p.pack(-129);
    p.pack(70'000);
    p.pack(0.5f);
    p.pack(0.1);
    p.pack(true);
    p.pack(std::string(300, 'x'));
    p.pack(std::vector<char>(70'000, 'y'));
  });
  msgpack_cursor in{bytes};
  CHECK_FALSE(in.integer()); // Too large for a signed one, and still there.
  CHECK(in.unsigned_integer() == 0xFFFF'FFFF'FFFF'FFFF);
  CHECK_FALSE(in.unsigned_integer());
  CHECK(in.integer() == std::numeric_limits<int64_t>::min());
  CHECK(in.integer() == -5);
  CHECK(in.real() == -129.0);
  CHECK(in.unsigned_integer() == 70'000);
  CHECK(in.real() == 0.5);
  CHECK_FALSE(in.integer());
  CHECK(in.real() == 0.1);
  CHECK_FALSE(in.nil());
  CHECK(in.boolean() == true);
  CHECK_FALSE(in.binary());
  CHECK(in.text() == std::string(300, 'x'));
  CHECK(in.binary()->size() == 70'000);
  CHECK(in.at_end());
  CHECK_FALSE(in.skip());
}
