#include "runtime/overload/breaker_line.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

constexpr mono_time now{1h};

breaker_line line(breaker_state state, mono_time available_at,
                  breaker_cause cause = breaker_cause::failures) {
  return {.snapshot = {.state = state, .cause = cause},
          .available_at = available_at};
}

} // namespace

TEST_CASE("a job is refused when its limit passes before the model is tried",
          "[runtime][breaker]") {
  auto open = line(breaker_state::open, now + 10s);
  CHECK(refusal_of(open, 5s, now) == 10s);
  CHECK(refusal_of(open, 10s, now) == 10s);
  CHECK_FALSE(refusal_of(open, 10s + 1us, now));
  CHECK_FALSE(refusal_of(open, 0s, now));      // It can wait for ever.
  CHECK_FALSE(refusal_of(open, 5s, now + 6s)); // 4 s are left.
  CHECK(refusal_of(open, 3s, now + 6s) == 4s);
}

TEST_CASE("nobody is refused by what is over, closed or nearly so",
          "[runtime][breaker]") {
  CHECK_FALSE(refusal_of({}, 1us, now));
  CHECK_FALSE(refusal_of(line(breaker_state::open, now), 1us, now));
  CHECK_FALSE(refusal_of(line(breaker_state::half_open, now + 30s), 1s, now));
}

TEST_CASE("a breaker held open refuses even who could wait",
          "[runtime][breaker]") {
  auto held = line(breaker_state::open, now + 600s, breaker_cause::forced);
  CHECK(refusal_of(held, 0s, now) == 600s);
  CHECK(refusal_of(held, 24h, now) == 600s);
  CHECK_FALSE(refusal_of(held, 0s, now + 600s));
}

TEST_CASE("absurd limits and clocks that stand still change nothing",
          "[runtime][breaker]") {
  auto open = line(breaker_state::open, mono_time::max());
  CHECK(refusal_of(open, 1s, now));
  CHECK_FALSE(refusal_of(open, duration::max(), now));
  CHECK_FALSE(refusal_of(open, -5s, now)); // No limit, not one in the past.
  CHECK(refusal_of(open, 1s, mono_time{}));
}

TEST_CASE("a target answers for its own failures, not for its callers'",
          "[runtime][breaker]") {
  CHECK(judge_failure(true, errc::model_error) == call_result::failed);
  CHECK(judge_failure(false, errc::model_error) == call_result::failed);
  CHECK(judge_failure(false, errc::worker_lost) == call_result::failed);
  CHECK(judge_failure(false, errc::timeout) == call_result::failed);
  CHECK(judge_failure(true, errc::queue_full) == call_result::uncounted);
  for (auto code :
       {errc::validation_failed, errc::context_too_long, errc::invalid_argument,
        errc::unsupported, errc::cancelled, errc::deadline, errc::draining})
    CHECK(judge_failure(false, code) == call_result::uncounted);
}

TEST_CASE("tickets of a predecessor are of no round of its successor",
          "[runtime][breaker]") {
  breaker first{{}, 1};
  breaker second{{}, uint64_t{2} << 32 | 1};
  second.resume(now);
  auto old = first.ask(now);
  auto probe = second.ask(now);
  REQUIRE(probe.is_probe());
  CHECK(old.ticket.round < probe.ticket.round);
  second.report({.ticket = old.ticket, .result = call_result::failed}, now, 0);
  CHECK(second.state(now) == breaker_state::half_open);
}
