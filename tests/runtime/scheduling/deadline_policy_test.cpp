#include "runtime/scheduling/deadline_policy.hpp"

#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cmath>
#include <limits>

namespace troupe::runtime {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();
const deadline_policy policy{100ms};

// 1 s + 0.1 s for its input + 10 s for its output.
deadline_inputs ordinary() {
  deadline_inputs job;
  job.line = {1, 0.001, 0.02};
  job.service_p50_s = 11.1;
  job.output_p50_tokens = 500;
  job.input_tokens = 100;
  job.last_turn_tokens = 20;
  job.max_output_tokens = 1000;
  job.context_length = 4096;
  return job;
}

TEST_CASE("what fits starts, to the margin", "[ladder]") {
  auto job = ordinary();
  CHECK(policy.decide(job).outcome == ladder_outcome::start);
  job.total_left = 11'201ms;
  auto verdict = policy.decide(job);
  CHECK(verdict.outcome == ladder_outcome::start);
  CHECK(verdict.tried.empty());
  CHECK(verdict.max_output_tokens == 1000);
  job.total_left = 11'199ms;
  CHECK(policy.decide(job).outcome != ladder_outcome::start);
}

TEST_CASE("a passed limit expires whatever the rights", "[ladder]") {
  auto job = ordinary();
  job.start_left = -1ms;
  CHECK(policy.decide(job).reason == expire_reason::start_passed);
  job.start_left = 0ms;
  CHECK(policy.decide(job).outcome == ladder_outcome::start);
  job.total_left = 0ms;
  CHECK(policy.decide(job).reason == expire_reason::total_passed);
}

TEST_CASE("the model rung takes the first fallback that would finish",
          "[ladder]") {
  std::array<ladder_target, 4> fallbacks{{{"open", 4096, false, 0, 1},
                                          {"slow", 4096, true, 5, 1},
                                          {"small", 50, true, 0, 1},
                                          {"quick", 4096, true, 1, 2}}};
  auto job = ordinary();
  job.total_left = 5s;
  job.fallbacks = fallbacks;
  auto verdict = policy.decide(job);
  CHECK(verdict.outcome == ladder_outcome::degrade);
  CHECK(verdict.rung == ladder_rung::model);
  CHECK(verdict.fallback == 3);
  REQUIRE(verdict.tried.size() == 4);
  CHECK(verdict.tried[1].needed == 6);
  CHECK(verdict.tried[1].available == 4.9);
  job.total_left = 10s;
  job.start_left = 500ms; // Its turn there would come too late.
  CHECK(policy.decide(job).rung == ladder_rung::output_limit);
}

TEST_CASE("the output limit is what fits, at least a quarter", "[ladder]") {
  auto job = ordinary();
  job.total_left = 10s; // (9.9 - 1.1) / 0.02
  auto verdict = policy.decide(job);
  CHECK(verdict.rung == ladder_rung::output_limit);
  CHECK(verdict.max_output_tokens >= 439);
  CHECK(verdict.max_output_tokens <= 440);
  job.total_left = 6s; // 240 < 250, but more than a quarter of the prediction.
  verdict = policy.decide(job);
  CHECK(verdict.outcome == ladder_outcome::partial);
  CHECK(verdict.max_output_tokens == 1000);
  job.total_left = 3600ms; // 120 of 500 tokens: less than a quarter.
  CHECK(policy.decide(job).outcome == ladder_outcome::expire);
  job.total_left = 3700ms; // 125 at least.
  job.line.a_s = 0.99;
  CHECK(policy.decide(job).outcome == ladder_outcome::partial);
  job = ordinary();
  job.total_left = 6s;
  job.rights.on_deadline = deadline_action::fail;
  verdict = policy.decide(job);
  CHECK(verdict.outcome == ladder_outcome::expire);
  CHECK(verdict.reason == expire_reason::deadline_unmeetable);
  CHECK(verdict.tried.back().needed == 11.1);
  job.total_left = 10s;
  job.rights.makes_text = false;
  CHECK(policy.decide(job).rung == ladder_rung::shed);
}

TEST_CASE("dropped turns save time only where input costs time", "[ladder]") {
  auto job = ordinary();
  job.line = {0, 0.01, 0.1};
  job.input_tokens = 1000;
  job.output_p50_tokens = 10;
  job.max_output_tokens = 10; // Too few to be limited.
  job.service_p50_s = 11;
  job.total_left = 6s;
  job.rights.truncation_auto = true;
  auto verdict = policy.decide(job);
  CHECK(verdict.rung == ladder_rung::context);
  CHECK(verdict.input_tokens >= 489);
  CHECK(verdict.input_tokens <= 490);
  job.last_turn_tokens = 600;
  CHECK(policy.decide(job).rung == ladder_rung::shed);
}

TEST_CASE("a context too long goes to a longer one, is cut, or is refused",
          "[ladder]") {
  std::array<ladder_target, 2> fallbacks{
    {{"short", 5000, true, 0, 1}, {"long", 8192, true, 0, 1}}};
  auto job = ordinary();
  job.input_tokens = 5000;
  job.fallbacks = fallbacks;
  auto verdict = policy.decide(job);
  CHECK(verdict.rung == ladder_rung::longer_context);
  CHECK(verdict.fallback == 1); // 5000 leaves no room for a token.
  job.fallbacks = {};
  CHECK(policy.decide(job).reason == expire_reason::context_too_long);
  job.rights.truncation_auto = true;
  verdict = policy.decide(job);
  CHECK(verdict.rung == ladder_rung::context);
  CHECK(verdict.input_tokens == 4096 - 500);
  job.last_turn_tokens = 4095;
  CHECK(policy.decide(job).input_tokens == 4095);
  job.last_turn_tokens = 4096;
  CHECK(policy.decide(job).reason == expire_reason::context_too_long);
}

TEST_CASE("forbid leaves start or expire", "[ladder]") {
  std::array<ladder_target, 1> fallbacks{{{"quick", 8192, true, 0, 0}}};
  auto job = ordinary();
  job.rights.degradation = false;
  job.fallbacks = fallbacks;
  CHECK(policy.decide(job).outcome == ladder_outcome::start);
  job.total_left = 10s;
  CHECK(policy.decide(job).outcome == ladder_outcome::expire);
}

TEST_CASE("a running attempt is cut over when late or full", "[ladder]") {
  std::array<ladder_target, 2> fallbacks{
    {{"quick", 4096, true, 1, 2}, {"long", 8192, true, 1, 9}}};
  running_inputs job{.input_tokens = 100,
                     .produced_tokens = 50,
                     .context_length = 4096,
                     .rest_s = 8,
                     .total_left = 5s,
                     .fallbacks = fallbacks};
  CHECK(policy.mid_run(job).rung == ladder_rung::none);
  job.rights.on_deadline = deadline_action::cutover;
  CHECK(policy.mid_run(job).rung == ladder_rung::model);
  CHECK(policy.mid_run(job).fallback == 0);
  job.total_left = 9s;
  CHECK(policy.mid_run(job).rung == ladder_rung::none);
  job.total_left = 2s; // No fallback is in time either: it ends as partial.
  CHECK(policy.mid_run(job).rung == ladder_rung::none);
  CHECK(policy.mid_run(job).tried.size() == 2);
  job.rest_s = nan;
  job.total_left.reset(); // Without a limit nothing is late.
  CHECK(policy.mid_run(job).rung == ladder_rung::none);
  job.produced_tokens = 3996;
  job.total_left = 50ms; // Within the margin: too late to move.
  CHECK(policy.mid_run(job).rung == ladder_rung::none);
  job.total_left.reset();
  CHECK(policy.mid_run(job).rung == ladder_rung::longer_context);
  CHECK(policy.mid_run(job).fallback == 1);
  job.rights.degradation = false;
  CHECK(policy.mid_run(job).rung == ladder_rung::none);
}

TEST_CASE("the latest feasible start survives absurd predictions", "[ladder]") {
  mono_time at{10h};
  CHECK_FALSE(policy.latest_feasible_start({}, {}, 5));
  CHECK(policy.latest_feasible_start(at, {}, 5) == at);
  CHECK(policy.latest_feasible_start({}, at, 5) == at - 5100ms);
  CHECK(policy.latest_feasible_start(at - 6s, at, 5) == at - 6s);
  CHECK(policy.latest_feasible_start({}, at, -5) == at - 100ms);
  for (double absurd : {nan, inf, 1e300}) {
    CHECK(*policy.latest_feasible_start({}, at, absurd) < mono_time{});
    CHECK(policy.latest_feasible_start({}, mono_time::min(), absurd)
          == mono_time::min());
  }
}

// --- Properties ---------------------------------------------------------------

double wild(rng& random, double most) {
  switch (random.below(12)) {
    case 0:
      return nan;
    case 1:
      return inf;
    case 2:
      return -1;
    case 3:
      return 0;
    case 4:
      return 1e300;
    default:
      return random.unit() * most;
  }
}

std::optional<duration> wild_limit(rng& random) {
  switch (random.below(8)) {
    case 0:
      return std::nullopt;
    case 1:
      return duration::max();
    case 2:
      return duration::min();
    case 3:
      return duration::zero();
    default:
      return duration{static_cast<int64_t>(random.below(30'000'000))};
  }
}

uint32_t wild_tokens(rng& random) {
  return random.below(10) == 0 ? UINT32_MAX
                               : static_cast<uint32_t>(random.below(3000));
}

deadline_inputs wild_job(rng& random, std::vector<ladder_target>& fallbacks) {
  fallbacks.clear();
  for (auto n = random.below(4); n > 0; --n)
    fallbacks.push_back({"m", wild_tokens(random), random.below(4) != 0,
                         wild(random, 10), wild(random, 20)});
  deadline_inputs job;
  job.line = {wild(random, 2), wild(random, 0.01), wild(random, 0.05)};
  job.service_p50_s = wild(random, 30);
  job.output_p50_tokens = wild(random, 1000);
  job.input_tokens = wild_tokens(random);
  job.cached_tokens = wild_tokens(random);
  job.last_turn_tokens = wild_tokens(random);
  job.max_output_tokens = wild_tokens(random);
  job.context_length = wild_tokens(random);
  job.wait_s = random.below(2) ? 0 : wild(random, 5);
  job.start_left = wild_limit(random);
  job.total_left = wild_limit(random);
  job.rights = {random.below(4) != 0, deadline_action(1 + random.below(3)),
                random.below(2) == 0, random.below(4) != 0};
  job.fallbacks = fallbacks;
  return job;
}

double at_least_0(double x) {
  return std::isnan(x) ? inf : std::max(x, 0.0);
}

double seconds(std::optional<duration> d) {
  return d ? std::chrono::duration<double>(*d).count() : inf;
}

void check_target(const deadline_inputs& job, const ladder_verdict& verdict) {
  REQUIRE(verdict.fallback);
  const auto& target = job.fallbacks[*verdict.fallback];
  CHECK(target.breaker_closed);
  CHECK(target.context_length >= job.input_tokens);
  if (verdict.rung == ladder_rung::model) {
    double wait = at_least_0(target.wait_s);
    CHECK(wait + at_least_0(target.service_p50_s)
          <= policy.time_left_s(job.total_left));
    CHECK(wait <= seconds(job.start_left));
  }
}

void check_feasible(const deadline_inputs& job, const ladder_verdict& verdict) {
  double left = policy.time_left_s(job.total_left);
  double wait = at_least_0(job.wait_s);
  CHECK(wait <= seconds(job.start_left));
  CHECK(verdict.input_tokens <= job.context_length);
  if (verdict.outcome == ladder_outcome::start)
    CHECK(wait + at_least_0(job.service_p50_s) <= left);
  if (verdict.rung == ladder_rung::output_limit) {
    CHECK(verdict.max_output_tokens >= 64);
    if (job.max_output_tokens != 0)
      CHECK(verdict.max_output_tokens <= job.max_output_tokens);
    double uncached =
      job.input_tokens - std::min(job.cached_tokens, job.input_tokens);
    double input_s = uncached > 0 ? at_least_0(job.line.b_s) * uncached : 0;
    CHECK(wait + at_least_0(job.line.a_s) + input_s
            + at_least_0(job.line.c_s) * verdict.max_output_tokens
          <= left + 1e-6 + 1e-9 * std::abs(left));
  }
  if (verdict.rung == ladder_rung::context) {
    CHECK(verdict.input_tokens < job.input_tokens);
    CHECK(verdict.input_tokens >= job.last_turn_tokens);
    CHECK(job.rights.truncation_auto);
  }
}

TEST_CASE("no input makes it start what cannot finish", "[ladder]") {
  seeded_rng random{20260821};
  std::vector<ladder_target> fallbacks;
  std::array<int, 7> rungs{};
  for (int round = 0; round < 100'000; ++round) {
    CAPTURE(round);
    auto job = wild_job(random, fallbacks);
    auto verdict = policy.decide(job);
    ++rungs.at(size_t(verdict.rung));
    if (verdict.outcome == ladder_outcome::expire) {
      REQUIRE(verdict.reason != expire_reason::none);
    } else if (verdict.rung == ladder_rung::longer_context
               || verdict.rung == ladder_rung::model) {
      check_target(job, verdict);
    } else {
      check_feasible(job, verdict);
    }
    if (!job.rights.degradation)
      REQUIRE((verdict.outcome == ladder_outcome::start
               || verdict.outcome == ladder_outcome::expire));
    // Rungs are tried in order, and only the last that was tried is taken.
    for (size_t i = 1; i < verdict.tried.size(); ++i)
      REQUIRE(verdict.tried[i - 1].rung <= verdict.tried[i].rung);
    for (size_t i = 0; i + 1 < verdict.tried.size(); ++i)
      REQUIRE_FALSE(verdict.tried[i].fits);
  }
  for (int taken : rungs)
    CHECK(taken > 20);
}

TEST_CASE("a job without limits that fits its context starts", "[ladder]") {
  seeded_rng random{7};
  std::vector<ladder_target> fallbacks;
  for (int round = 0; round < 20'000; ++round) {
    auto job = wild_job(random, fallbacks);
    job.start_left.reset();
    job.total_left.reset();
    auto verdict = policy.decide(job);
    if (job.input_tokens < job.context_length)
      REQUIRE(verdict.outcome == ladder_outcome::start);
    else if (verdict.outcome == ladder_outcome::expire)
      REQUIRE(verdict.reason == expire_reason::context_too_long);
  }
}

TEST_CASE("a running attempt only moves to where it can go on", "[ladder]") {
  seeded_rng random{8};
  std::vector<ladder_target> fallbacks;
  int moved = 0;
  for (int round = 0; round < 50'000; ++round) {
    CAPTURE(round);
    auto job = wild_job(random, fallbacks);
    running_inputs running{job.input_tokens,   wild_tokens(random),
                           job.context_length, wild(random, 30),
                           job.total_left,     job.rights,
                           fallbacks};
    auto verdict = policy.mid_run(running);
    REQUIRE(verdict.fallback.has_value()
            == (verdict.rung != ladder_rung::none));
    if (!verdict.fallback)
      continue;
    ++moved;
    const auto& target = fallbacks[*verdict.fallback];
    double text = double(running.input_tokens) + running.produced_tokens;
    REQUIRE(target.breaker_closed);
    REQUIRE(text < target.context_length);
    REQUIRE(running.rights.degradation);
    if (verdict.rung == ladder_rung::longer_context) {
      REQUIRE(text >= running.context_length);
    } else {
      double left = policy.time_left_s(running.total_left);
      REQUIRE(running.rights.on_deadline == deadline_action::cutover);
      REQUIRE(at_least_0(running.rest_s) > left);
      REQUIRE(at_least_0(target.wait_s) + at_least_0(target.service_p50_s)
              <= left);
    }
  }
  CHECK(moved > 1000);
}

} // namespace
} // namespace troupe::runtime
