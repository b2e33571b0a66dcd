// Vectors of older builds: what they do not have is empty, the rest is there.
#include "runtime/job_codec.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <string>

namespace troupe::runtime {
namespace {

std::string stored_bytes(const std::string& name) {
  // tidy: seams: the test's input
  std::ifstream file{std::string{TROUPE_SOURCE_DIR} + "/tests/golden/job_codec/"
                     + name + ".hex"};
  REQUIRE(file);
  std::string bytes;
  for (std::string line; std::getline(file, line);)
    for (size_t i = 0; i + 1 < line.size(); i += 2)
      bytes += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
  return bytes;
}

TEST_CASE("values stored before there were aliases are still read",
          "[runtime][job_codec][intent]") {
  auto old_spec = decode_spec(stored_bytes("spec_before_alias")).value();
  auto spec = decode_spec(stored_bytes("spec")).value();
  CHECK(spec.alias == "assistant");
  CHECK(old_spec.alias.empty());
  CHECK_FALSE(old_spec.intent);
  CHECK(old_spec.messages == spec.messages);
  CHECK(old_spec.replay_of == spec.replay_of); // The last field it had.

  auto old_record = decode_record(stored_bytes("record_before_alias")).value();
  auto record = decode_record(stored_bytes("record")).value();
  CHECK(record.intent == request_intent::fast);
  CHECK(old_record.alias.empty());
  CHECK_FALSE(old_record.intent);
  CHECK(old_record.degradations == record.degradations);
  CHECK(old_record.replayed_as == record.replayed_as);

  auto old_events = decode_events(stored_bytes("events_before_alias")).value();
  REQUIRE(old_events.size()
          <= decode_events(stored_bytes("events")).value().size());
  auto& created = std::get<job_created>(old_events.front().body);
  CHECK(created.record == old_record);
}

TEST_CASE("a specification stored before traces were kept is still read",
          "[runtime][job_codec]") {
  auto spec = decode_spec(stored_bytes("spec")).value();
  spec.traceparent.clear();
  spec.truncation_auto = false;
  spec.alias.clear();
  spec.intent.reset();
  CHECK(decode_spec(stored_bytes("spec_before_trace")).value() == spec);
}

TEST_CASE("values stored before there were budgets are still read",
          "[runtime][job_codec][tenants]") {
  auto record = decode_record(stored_bytes("record")).value();
  REQUIRE(record.budget_serial != 0);
  record.budget_cost = 0;
  record.budget_serial = 0;
  record.kept_tokens_min = 0;
  record.alias.clear();
  record.intent.reset();
  CHECK(decode_record(stored_bytes("record_before_budgets")).value() == record);
}

TEST_CASE("values stored before chats could be shortened are still read",
          "[runtime][job_codec][truncation]") {
  auto spec = decode_spec(stored_bytes("spec")).value();
  REQUIRE(spec.truncation_auto);
  spec.truncation_auto = false;
  CHECK(decode_spec(stored_bytes("spec_before_truncation")).value() == spec);
  auto record = decode_record(stored_bytes("record")).value();
  REQUIRE(record.kept_tokens_min == 9);
  record.kept_tokens_min = 0;
  CHECK(decode_record(stored_bytes("record_before_truncation")).value()
        == record);
  auto events = decode_events(stored_bytes("events_before_truncation")).value();
  CHECK(std::get<job_created>(events.front().body).record == record);
}

} // namespace
} // namespace troupe::runtime
