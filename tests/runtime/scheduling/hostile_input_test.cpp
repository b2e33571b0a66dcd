// Numbers that no client should send, through placement and the ladder.
#include "runtime/rng.hpp"
#include "runtime/scheduling/job_ladder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>

using namespace troupe::runtime;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double wild(rng& random) {
  constexpr double numbers[]{nan, inf, -inf, -1, 0, 1e-300, 1e300, 5};
  return numbers[random.below(std::size(numbers))];
}

wall_time wild_time(rng& random, wall_time now) {
  switch (random.below(4)) {
    case 0:
      return wall_time{};
    case 1:
      return now - std::chrono::hours{1'000'000};
    case 2:
      return now + std::chrono::hours{1'000'000};
    default:
      return now + std::chrono::seconds{random.below(100)};
  }
}

} // namespace

TEST_CASE("absurd costs and limits keep a job within the bound of its key",
          "[scheduling][hostile][property]") {
  seeded_rng random{11};
  queue_rules rules;
  model_policy policy;
  policy.terms.gamma = 0.1;
  policy.terms.limit_s = 30;
  const wall_time now{std::chrono::hours{500'000}};
  for (int i = 0; i < 20'000; ++i) {
    job_spec spec;
    spec.simulate.emplace().predicted_s = wild(random);
    spec.params.max_output_tokens = static_cast<uint32_t>(random.next());
    spec.text = std::string(random.below(100), 'x');
    job_record record = make_record(spec);
    record.created_at = now;
    record.start_at = wild_time(random, now);
    record.total_at = wild_time(random, now);
    record.forecast.max_output_tokens = spec.params.max_output_tokens;
    auto placed = place_job(spec, record, rules, policy);
    INFO(i << " predicted " << *spec.simulate->predicted_s);
    REQUIRE(std::isfinite(placed.cost.mean_s));
    REQUIRE(placed.cost.mean_s >= 0);
    REQUIRE(std::abs(placed.key.boost) <= 30'000'000);
    REQUIRE(placed.key.base - placed.key.key == placed.key.boost);
    // Limits move the base by at most B, and `deferral_max` (0 here).
    auto shift = placed.key.base - to_us(now);
    REQUIRE(shift <= 0);
    REQUIRE(shift >= -30'000'000);
  }
}

TEST_CASE("the ladder answers for any forecast and limit, and starts nothing "
          "that is past",
          "[scheduling][hostile][property]") {
  seeded_rng random{12};
  queue_rules rules;
  model_policy policy;
  policy.context_length = 64;
  job_ladder ladder{
    rules, [&](const std::string&) -> const model_policy& { return policy; },
    [&](const std::string&) { return wild(random); }};
  const wall_time now{std::chrono::hours{500'000}};
  for (int i = 0; i < 20'000; ++i) {
    job_record record;
    record.model = "m";
    record.fallbacks = std::vector<std::string>{"n"};
    record.start_at = wild_time(random, now);
    record.total_at = wild_time(random, now);
    record.forecast.service_p50_s = wild(random);
    record.forecast.input_tokens = static_cast<uint32_t>(random.below(200));
    record.forecast.output_tokens_p50 = static_cast<uint32_t>(random.next());
    record.kept_tokens_min = static_cast<uint32_t>(random.below(100));
    auto choice = ladder.judge(record, now, wild(random));
    const auto& verdict = choice.verdict;
    bool past = record.total_at != wall_time{} && record.total_at <= now;
    if (past)
      REQUIRE(verdict.outcome == ladder_outcome::expire);
    if (verdict.rung == ladder_rung::context) {
      REQUIRE(verdict.input_tokens < record.forecast.input_tokens);
      REQUIRE(verdict.input_tokens >= record.kept_tokens_min);
      REQUIRE(record.kept_tokens_min > 0);
    }
    ladder.judge_at(record);
  }
}
