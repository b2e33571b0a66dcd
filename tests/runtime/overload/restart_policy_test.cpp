#include "runtime/overload/restart_policy.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <random>

namespace troupe::runtime {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""us;

constexpr mono_time origin{1h};

// The fullest span of the window's length, counted the slow way.
size_t fullest_span(const std::vector<mono_time>& times, duration window) {
  size_t most = 0;
  for (auto end : times) {
    auto inside = std::count_if(times.begin(), times.end(), [&](mono_time t) {
      return t <= end && t > end - window;
    });
    most = std::max(most, static_cast<size_t>(inside));
  }
  return most;
}

TEST_CASE("a restart mode says which ends call for a restart",
          "[runtime][overload]") {
  CHECK(calls_for_restart(restart_mode::permanent, exit_kind::normal));
  CHECK(calls_for_restart(restart_mode::permanent, exit_kind::crash));
  CHECK_FALSE(calls_for_restart(restart_mode::transient, exit_kind::normal));
  CHECK(calls_for_restart(restart_mode::transient, exit_kind::crash));
  CHECK_FALSE(calls_for_restart(restart_mode::temporary, exit_kind::normal));
  CHECK_FALSE(calls_for_restart(restart_mode::temporary, exit_kind::crash));
}

TEST_CASE("a window permits its restarts, then one each time an old one leaves",
          "[runtime][overload]") {
  restart_window window{child_intensity};
  for (int i = 0; i < 5; ++i) {
    auto at = origin + i * 1s;
    REQUIRE(window.permits(at));
    window.grant(at, at);
  }
  CHECK_FALSE(window.permits(origin + 5s));
  CHECK_FALSE(window.permits(origin + 30s - 1us));
  CHECK(window.permits(origin + 30s));
  CHECK(window.used(origin + 29s) == 5);
  CHECK(window.used(origin + 30s) == 4);
}

TEST_CASE("a window of no restarts permits none", "[runtime][overload]") {
  CHECK_FALSE(restart_window{{0, 30s}}.permits(origin));
}

TEST_CASE("no span ever holds more restarts than the window permits",
          "[runtime][overload]") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    restart_intensity limit{1 + static_cast<uint32_t>(random() % 6), 30s};
    restart_window window{limit};
    std::vector<mono_time> granted;
    auto now = origin;
    size_t refused = 0;
    for (int i = 0; i < 200; ++i) {
      now += duration{static_cast<int64_t>(random() % 9'000'000)};
      // Planned ahead and therefore out of order, as backoff makes it.
      auto at = now + duration{static_cast<int64_t>(random() % 40'000'000)};
      if (window.permits(at)) {
        window.grant(at, now);
        granted.push_back(at);
        REQUIRE(fullest_span(granted, limit.window) <= limit.restarts_max);
      } else {
        ++refused;
        granted.push_back(at); // It refused nothing that would have fitted.
        REQUIRE(fullest_span(granted, limit.window) > limit.restarts_max);
        granted.pop_back();
      }
    }
    CHECK(refused > 0);
    CHECK(granted.size() > 10);
  }
}

TEST_CASE("a delay doubles up to its cap with at most a fifth of jitter",
          "[runtime][overload]") {
  for (auto range : {actor_backoff, engine_backoff}) {
    restart_backoff low{range};
    restart_backoff high{range};
    auto expected = range.first;
    for (int n = 0; n < 80; ++n) {
      CAPTURE(n);
      CHECK(low.next_delay(origin, 0.0) == expected);
      auto most = high.next_delay(origin, 0.999999);
      CHECK(most > expected + expected * 19 / 100);
      CHECK(most < expected + expected / 5);
      expected = std::min(expected * 2, range.cap);
    }
    CHECK(expected == range.cap);
  }
}

TEST_CASE("only health for half of the range forgets failures",
          "[runtime][overload]") {
  restart_backoff backoff{actor_backoff};
  CHECK(backoff.next_delay(origin, 0) == 200ms);
  CHECK(backoff.next_delay(origin, 0) == 400ms);
  backoff.started(origin);
  CHECK(backoff.next_delay(origin + 15'100ms - 1us, 0) == 800ms);
  // It never came up: the time since its last start is not health.
  CHECK(backoff.next_delay(origin + 1h, 0) == 1600ms);
  backoff.started(origin);
  CHECK(backoff.next_delay(origin + 15'100ms, 0) == 200ms);
  CHECK(backoff.failures() == 1);
}

TEST_CASE("an engine is healthy after 151 seconds", "[runtime][overload]") {
  CHECK(engine_backoff.healthy_after() == 151s);
  restart_backoff backoff{engine_backoff};
  CHECK(backoff.next_delay(origin, 0) == 2s);
  backoff.started(origin);
  CHECK(backoff.next_delay(origin + 150s, 0) == 4s);
  backoff.started(origin);
  CHECK(backoff.next_delay(origin + 151s, 0) == 2s);
}

} // namespace
} // namespace troupe::runtime
