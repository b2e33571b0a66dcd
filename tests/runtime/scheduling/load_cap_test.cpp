#include "runtime/rng.hpp"
#include "runtime/scheduling/load_cap.hpp"
#include "runtime/scheduling/policy_source.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>

using namespace troupe::runtime;
using namespace std::chrono_literals;

TEST_CASE("a crowded model caps answers without a limit below `priority`",
          "[scheduling][load]") {
  queue_rules rules;
  model_policy policy;
  job_record record;
  CHECK(load_cap(record, rules, policy) == 0);
  policy.crowded = true;
  CHECK(load_cap(record, rules, policy) == 512);
  record.tier = service_tier::flex;
  CHECK(load_cap(record, rules, policy) == 512);
  record.tier = service_tier::priority;
  CHECK(load_cap(record, rules, policy) == 0);
  record.tier = service_tier::standard;
  record.forecast.max_output_tokens = 4096;
  CHECK(load_cap(record, rules, policy) == 0);
  record.forecast.max_output_tokens = 0;
  record.may_degrade = false;
  CHECK(load_cap(record, rules, policy) == 0);
  record.may_degrade = true;
  record.task = task_kind::embed;
  CHECK(load_cap(record, rules, policy) == 0);
  record.task = task_kind::complete;
  rules.soft_max_tokens = 0;
  CHECK(load_cap(record, rules, policy) == 0);
}

TEST_CASE("a model is crowded at half of the default tier's backlog limit",
          "[scheduling][load]") {
  queue_rules rules;
  CHECK(crowded_drain_s(rules) == 300);
  rules.classes["standard"].backlog_limit = 40s;
  rules.tiers[1].backlog_factor = 0.5;
  CHECK(crowded_drain_s(rules) == 10);
  rules.classes["standard"].backlog_limit = 0s;
  CHECK(std::isinf(crowded_drain_s(rules)));
}

TEST_CASE("a dispatcher's models are crowded after 1 s above the limit, and "
          "until max(10 s, two loads) below half of it",
          "[scheduling][load][property]") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    seeded_rng random{seed};
    auto load_time = std::chrono::seconds{random.below(20)};
    auto patience = std::max<duration>(10s, 2 * load_time);
    policy_source source{{}, {}, 100};
    mono_time now{1h};
    std::optional<mono_time> above;
    std::optional<mono_time> below;
    bool expected = false;
    double due = 0;
    for (int i = 0; i < 200; ++i) {
      if (random.below(8) == 0)
        due = static_cast<double>(random.below(4)) * 60; // 0 60 120 180 s
      source.backlog(shard_id{0}, 2 * due, {});
      auto policy =
        source.publish({.capacity = 2, .load_time = load_time}, now);
      if (due <= 100)
        above.reset();
      else if (!above)
        above = now;
      if (due >= 50)
        below.reset();
      else if (!below)
        below = now;
      if (!expected && above && now - *above >= 1s)
        expected = true, below.reset();
      else if (expected && below && now - *below >= patience)
        expected = false, above.reset();
      REQUIRE(policy->crowded == expected);
      REQUIRE(source.changing() == expected);
      now += 500ms;
    }
  }
}
