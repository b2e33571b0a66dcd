#include "runtime/overload/retry_policy.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace troupe::runtime;
using namespace std::chrono_literals;

TEST_CASE("a charged retry waits at most its doubling cap of 30 s",
          "[runtime][retry]") {
  duration last{0};
  for (uint32_t charged = 1; charged < 12; ++charged) {
    attempt_history h{.charged = charged, .max_attempts = 99};
    auto most = decide_retry(attempt_loss::model_error, h, 0.999999);
    auto least = decide_retry(attempt_loss::model_error, h, 0.0);
    CHECK(most.what == retry_verdict::kind::retry);
    CHECK(least.delay == 0ms);
    CHECK(most.delay >= last);
    CHECK(most.delay < 30s);
    if (charged <= 5)
      CHECK(most.delay > 490ms * (1 << (charged - 1)));
    last = most.delay;
  }
}

TEST_CASE("what is nobody's failure returns at once", "[runtime][retry]") {
  for (auto loss : {attempt_loss::refused, attempt_loss::node_restarted,
                    attempt_loss::crashed_shared}) {
    auto verdict = decide_retry(
      loss, {.charged = 50, .max_attempts = 1, .solo_crashes = 1}, 0.9);
    CHECK(verdict.what == retry_verdict::kind::retry);
    CHECK(verdict.delay == 0ms);
    CHECK(verdict.alone == (loss == attempt_loss::crashed_shared));
  }
}
