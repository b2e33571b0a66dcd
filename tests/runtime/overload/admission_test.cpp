#include "runtime/overload/admission.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <map>
#include <random>

namespace troupe::runtime {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinRel;
using namespace std::chrono_literals;

struct desk {
  desk() {
    rules.classes["interactive"] = {.backlog_limit = 60s};
    rules.fallbacks["slow"] = {"quick"};
    policies["quick"].serving = true;
    policies["slow"].serving = true;
    record.model = "slow";
    record.job_class = "interactive";
    record.created_at = now;
  }
  admission_verdict judge(std::optional<double> wait_s, bool guessed = false) {
    job_ladder ladder{rules,
                      [this](const std::string& m) -> const model_policy& {
                        return policies[m];
                      },
                      [this](const std::string& m) { return waits[m]; }};
    return admission_policy{rules, ladder}.judge(
      {.record = record,
       .standing = {.position = 7, .wait_s = wait_s},
       .guessed = guessed,
       .breaker_open = breaker_open,
       .breaker_refusal = breaker_refusal},
      now);
  }

  wall_time now = wall_from_us(1'000'000'000'000);
  queue_rules rules;
  std::map<std::string, model_policy> policies;
  std::map<std::string, double> waits;
  job_record record;
  bool breaker_open = false;
  std::optional<refused> breaker_refusal;
};

TEST_CASE("a job may queue behind its class's limit of work and no more",
          "[runtime][overload]") {
  desk d;
  CHECK_FALSE(d.judge(60).refusal);
  auto no = d.judge(72.4).refusal;
  REQUIRE(no);
  CHECK(no->why.code == errc::queue_full);
  CHECK_THAT(no->why.context, ContainsSubstring("72.4 s"));
  CHECK_THAT(no->retry_after_s, WithinRel(12.4, 1e-9));
  CHECK(no->facts.queue_depth == 7);
  CHECK(no->facts.model == "slow");
  CHECK(d.judge(60.5).refusal->retry_after_s == 1);
  CHECK(d.judge(1e9).refusal->retry_after_s == 300);
}

TEST_CASE("nobody is refused on a guess, or for a model never seen",
          "[runtime][overload]") {
  desk d;
  CHECK_FALSE(d.judge(1e6, true).refusal);
  CHECK_FALSE(d.judge(std::nullopt).refusal);
}

TEST_CASE("a class without a limit takes any backlog", "[runtime][overload]") {
  desk d;
  d.rules.classes["interactive"].backlog_limit = 0s;
  CHECK_FALSE(d.judge(1e8).refusal);
}

TEST_CASE("refusals are monotone in load and tier", "[runtime][overload]") {
  desk d;
  std::mt19937_64 random{3};
  std::uniform_real_distribution<double> any{0, 300};
  for (int i = 0; i < 500; ++i) {
    auto low = any(random);
    auto high = low + any(random);
    std::array<bool, 3> at_high{};
    for (int t = 0; t < 3; ++t) {
      d.record.tier = static_cast<service_tier>(t + 1);
      at_high[static_cast<size_t>(t)] = d.judge(high).refusal.has_value();
      if (d.judge(low).refusal)
        REQUIRE(at_high[static_cast<size_t>(t)]);
    }
    // What a higher tier is refused, a lower one is, too.
    if (at_high[2])
      REQUIRE(at_high[1]);
    if (at_high[1])
      REQUIRE(at_high[0]);
  }
}

TEST_CASE("what cannot end in time is refused before it is queued",
          "[runtime][overload]") {
  desk d;
  d.record.total_at = d.now + 10s;
  d.record.forecast.service_p50_s = 4;
  d.record.may_degrade = false;
  CHECK_FALSE(d.judge(5).refusal);
  auto no = d.judge(7).refusal;
  REQUIRE(no);
  CHECK(no->why.code == errc::deadline_unmeetable);
  CHECK(no->retry_after_s == 0);
  CHECK(no->facts.estimated_wait_s == 7.0);
}

TEST_CASE("a fallback that can make it is better than a refusal",
          "[runtime][overload]") {
  desk d;
  d.record.total_at = d.now + 10s;
  d.record.forecast.service_p50_s = 4;
  d.waits["quick"] = 1;
  auto verdict = d.judge(7);
  CHECK_FALSE(verdict.refusal);
  REQUIRE(verdict.step);
  CHECK(verdict.step->target == "quick");
  d.waits["quick"] = 20;
  d.record.task = task_kind::embed; // No partial text would help.
  CHECK(d.judge(7).refusal->why.code == errc::deadline_unmeetable);
}

TEST_CASE("an open breaker sends a job to its fallback, else it waits or not",
          "[runtime][overload]") {
  desk d;
  d.breaker_open = true;
  REQUIRE(d.judge(0).step);
  CHECK(d.judge(0).step->target == "quick");
  d.policies["quick"].breaker_closed = false;
  CHECK_FALSE(d.judge(0).step);
  CHECK_FALSE(d.judge(0).refusal);
  d.breaker_refusal = refused{.why = fail(errc::model_unavailable, "it fails"),
                              .retry_after_s = 9};
  CHECK(d.judge(0).refusal->why.code == errc::model_unavailable);
  d.policies["quick"].breaker_closed = true;
  CHECK_FALSE(d.judge(0).refusal);
  d.record.may_degrade = false;
  CHECK(d.judge(0).refusal->retry_after_s == 9);
}

} // namespace
} // namespace troupe::runtime
