#include "runtime/job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>

using namespace std::chrono_literals;
using namespace troupe::runtime;

namespace {

const wall_time accepted = wall_from_us(1'787'306'405'123'000);

job_spec some_spec() {
  seeded_rng random{1};
  job_spec spec;
  spec.id = job_id::make(accepted, {5}, random);
  spec.tenant = "acme";
  spec.model = "writer";
  spec.task = task_kind::complete;
  spec.text = "Package: tree";
  spec.job_class = "interactive";
  spec.tier = service_tier::priority;
  spec.resume = resume_mode::never;
  spec.max_attempts = 7;
  spec.estimated_s = 1.5;
  return spec;
}

} // namespace

TEST_CASE("the first record repeats what the spec says", "[runtime][job]") {
  auto spec = some_spec();
  auto record = make_record(spec);
  CHECK(record.id == spec.id);
  CHECK(record.tenant == "acme");
  CHECK(record.model == "writer");
  CHECK(record.model_used.empty());
  CHECK(record.job_class == "interactive");
  CHECK(record.task == task_kind::complete);
  CHECK(record.tier == service_tier::priority);
  CHECK(record.status == job_status::queued);
  CHECK(record.version == 1);
  CHECK(record.attempt == 0);
  CHECK(record.max_attempts == 7);
  CHECK(record.resume == resume_mode::never);
  CHECK(record.estimated_s == 1.5);
  CHECK(record.created_at == accepted);
  CHECK(record.retires_at == accepted + 86'400s);
  CHECK(record.next_seq == 0);
  CHECK_FALSE(record.error);
}

TEST_CASE("deadlines count from the time in the id", "[runtime][job]") {
  auto spec = some_spec();
  spec.deadline = {.start_timeout = 30s,
                   .total_timeout = 60s,
                   .action = deadline_action::fail};
  auto record = make_record(spec);
  CHECK(record.start_at == accepted + 30s);
  CHECK(record.total_at == accepted + 60s);
  CHECK(record.on_deadline == deadline_action::fail);
}

TEST_CASE("no timeout, and one beyond the end of time, is no limit",
          "[runtime][job]") {
  auto spec = some_spec();
  auto record = make_record(spec);
  CHECK(record.start_at == wall_time{});
  CHECK(record.total_at == wall_time{});

  spec.deadline.start_timeout = duration::max();
  spec.deadline.total_timeout = duration{-5};
  record = make_record(spec);
  CHECK(record.start_at == wall_time{});
  CHECK(record.total_at == wall_time{});
}

TEST_CASE("words of the API read back to the same value", "[runtime][job]") {
  for (int i = 1; i <= 6; ++i) {
    auto x = static_cast<task_kind>(i);
    CHECK(task_from_string(to_string(x)) == x);
  }
  for (int i = 1; i <= 7; ++i) {
    auto x = static_cast<job_status>(i);
    CHECK(status_from_string(to_string(x)) == x);
  }
  for (int i = 1; i <= 3; ++i) {
    auto x = static_cast<service_tier>(i);
    CHECK(tier_from_string(to_string(x)) == x);
  }
  CHECK(to_string(service_tier::standard) == "default");
  CHECK(to_string(resume_mode::resume) == "continue");
  CHECK(to_string(deadline_action::cutover) == "cutover");
  CHECK(to_string(job_phase::decode) == "decode");
  CHECK(to_string(finish_reason::context_length) == "context_length");
}

TEST_CASE("words that the API does not know are refused", "[runtime][job]") {
  for (std::string word : {"", "unknown", "Chat", "chat ", "standard"}) {
    INFO(word);
    CHECK_FALSE(task_from_string(word));
    CHECK_FALSE(status_from_string(word));
    CHECK_FALSE(tier_from_string(word));
  }
}

TEST_CASE("a number that no version wrote has a word", "[runtime][job]") {
  for (int i : {0, 8, 255}) {
    CHECK_FALSE(to_string(static_cast<task_kind>(i)).empty());
    CHECK_FALSE(to_string(static_cast<job_status>(i)).empty());
    CHECK_FALSE(to_string(static_cast<job_phase>(i)).empty());
    CHECK_FALSE(to_string(static_cast<service_tier>(i)).empty());
    CHECK_FALSE(to_string(static_cast<deadline_action>(i)).empty());
    CHECK_FALSE(to_string(static_cast<resume_mode>(i)).empty());
    CHECK_FALSE(to_string(static_cast<finish_reason>(i)).empty());
  }
}

TEST_CASE("exactly five states are terminal", "[runtime][job]") {
  std::set<std::string_view> ended;
  for (int i = 1; i <= 7; ++i)
    if (auto x = static_cast<job_status>(i); is_terminal(x))
      ended.insert(to_string(x));
  CHECK(ended
        == std::set<std::string_view>{"completed", "incomplete", "failed",
                                      "cancelled", "expired"});
}
