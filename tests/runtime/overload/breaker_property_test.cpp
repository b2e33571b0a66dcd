// A breaker in a random world: its answers are compared with rules that need no
// knowledge of how it is made.
#include "runtime/overload/breaker.hpp"

#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <deque>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

bool legal(breaker_state from, breaker_state to) {
  using enum breaker_state;
  return from == to || (from == closed && to == open)
         || (from == open && to == half_open)
         || (from == half_open && (to == open || to == closed));
}

/// Permits come back late, twice, out of order or never.
class world {
public:
  explicit world(uint64_t seed) : random_{seed} {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      CAPTURE(i);
      move_time();
      move_health();
      act();
      check_state();
    }
  }

  uint64_t transitions(breaker_state to) {
    return b_.snapshot(now_).transitions[static_cast<size_t>(to) - 1];
  }
  uint64_t refused() const { return refused_; }
  uint64_t probes() const { return probes_; }

private:
  bool one_in(uint64_t n) { return random_.below(n) == 0; }

  void move_time() {
    if (one_in(3))
      return; // The clock stands still.
    now_ += duration{
      static_cast<int64_t>(random_.below(one_in(40) ? 90'000'000 : 400'000))};
  }

  void move_health() {
    if (one_in(300))
      failing_ = random_.below(3) * 0.5;
    if (one_in(300))
      first_token_ = one_in(3) ? 2s : 150ms;
  }

  void act() {
    auto what = random_.below(1000);
    if (what < 500)
      ask();
    else if (what < 985)
      report();
    else if (what < 990)
      throttle();
    else if (what < 993)
      force();
    else if (what < 994)
      reset();
  }

  void ask() {
    auto earliest = b_.available_at(now_);
    auto before = b_.snapshot(now_);
    auto permit = b_.ask(now_);
    // available_at speaks the truth, and asking is what takes.
    REQUIRE(permit.allowed == (earliest <= now_));
    if (!permit.allowed) {
      ++refused_;
      REQUIRE(permit.retry_at > now_);
      REQUIRE(permit.retry_at == earliest);
      REQUIRE(permit.cause != breaker_cause::none);
      return;
    }
    if (now_ < forced_until_) {
      REQUIRE(forced_ == breaker_state::closed);
    } else {
      REQUIRE(now_ >= paused_until_);
      if (before.next_probe)
        REQUIRE(now_ >= *before.next_probe);
      REQUIRE(permit.is_probe() == (before.state != breaker_state::closed));
    }
    probes_ += permit.is_probe() ? 1 : 0;
    out_.push_back(permit.ticket);
    if (out_.size() > 200)
      out_.pop_front(); // Lost.
  }

  void report() {
    if (out_.empty())
      return;
    auto i = random_.below(std::min<uint64_t>(out_.size(), 8));
    auto at = out_.end() - 1 - static_cast<ptrdiff_t>(i);
    call_outcome outcome{.ticket = *at};
    if (random_.unit() < failing_)
      outcome.result = call_result::failed;
    else if (one_in(20))
      outcome.result = call_result::uncounted;
    else
      outcome.first_token = one_in(1000) ? duration::max() : first_token_;
    b_.report(outcome, now_, random_.unit());
    if (!one_in(50))
      out_.erase(at); // Else it is reported again some time.
  }

  void throttle() {
    duration retry_after =
      one_in(10) ? duration::max()
                 : duration{static_cast<int64_t>(random_.below(20'000'000))};
    paused_until_ =
      std::max(paused_until_, now_ + std::min(retry_after, duration{5min}));
    b_.report({.result = call_result::throttled, .retry_after = retry_after},
              now_, random_.unit());
  }

  void force() {
    forced_ = one_in(2) ? breaker_state::open : breaker_state::closed;
    forced_until_ =
      now_ + duration{static_cast<int64_t>(random_.below(60'000'000))};
    b_.force(forced_, forced_until_);
  }

  void reset() {
    b_.reset(now_);
    forced_until_ = {};
    paused_until_ = {};
    last_ = breaker_state::closed;
    REQUIRE(b_.state(now_) == breaker_state::closed);
  }

  void check_state() {
    auto s = b_.snapshot(now_);
    REQUIRE(s.calls <= 50);
    REQUIRE(s.failed <= s.calls);
    REQUIRE(s.slow <= s.calls);
    REQUIRE(s.probes_out + s.probes_good <= 3);
    REQUIRE(s.paused_until.value_or(now_) == std::max(paused_until_, now_));
    if (now_ < forced_until_) {
      REQUIRE(s.state == forced_);
      unseen_ = true;
      return;
    }
    if (!unseen_)
      check_change(s);
    unseen_ = false;
    if (s.transitions != before_.transitions
        || s.state != breaker_state::half_open)
      half_open_since_ = now_;
    REQUIRE(now_ - half_open_since_ < 30s);
    if (s.next_probe)
      REQUIRE(*s.next_probe - now_ <= 6min);
    last_ = s.state;
    before_ = s;
  }

  // Time alone may take it from half-open through open; then the counters tell.
  void check_change(const breaker_snapshot& s) {
    REQUIRE(legal(last_, s.state));
    using enum breaker_state;
    auto entered = [&](breaker_state to) {
      auto i = static_cast<size_t>(to) - 1;
      return s.transitions[i] - before_.transitions[i];
    };
    REQUIRE(entered(closed) + entered(open) + entered(half_open) <= 2);
    if (last_ == closed && s.state == open)
      REQUIRE(s.calls >= 10);
  }

  seeded_rng random_;
  breaker b_;
  mono_time now_{1h};
  double failing_ = 0;
  duration first_token_{150ms};
  std::deque<call_ticket> out_;
  mono_time paused_until_{};
  mono_time forced_until_{};
  breaker_state forced_ = breaker_state::closed;
  bool unseen_ = false;
  breaker_state last_ = breaker_state::closed;
  breaker_snapshot before_;
  mono_time half_open_since_{};
  uint64_t refused_ = 0;
  uint64_t probes_ = 0;
};

TEST_CASE("a random world never breaks the rules of a breaker",
          "[runtime][overload]") {
  uint64_t refused = 0;
  uint64_t probes = 0;
  std::array<uint64_t, 3> transitions{};
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    world w{seed};
    w.run(3000);
    refused += w.refused();
    probes += w.probes();
    for (auto to :
         {breaker_state::closed, breaker_state::open, breaker_state::half_open})
      transitions[static_cast<size_t>(to) - 1] += w.transitions(to);
  }
  // The worlds reach what they are meant to test.
  CHECK(refused > 10'000);
  CHECK(probes > 1000);
  CHECK(transitions[0] > 100);
  CHECK(transitions[1] > 400);
  CHECK(transitions[2] > 400);
}

TEST_CASE("a healthy target is closed within minutes of any history",
          "[runtime][overload]") {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    seeded_rng random{seed};
    breaker b;
    mono_time now{1h};
    for (int i = 0; i < 2000; ++i) {
      now += duration{static_cast<int64_t>(random.below(2'000'000))};
      auto permit = b.ask(now);
      if (permit.allowed && random.below(3) > 0)
        b.report({.ticket = permit.ticket,
                  .result = static_cast<call_result>(1 + random.below(4)),
                  .first_token = 100ms,
                  .retry_after = 60s},
                 now, random.unit());
    }
    // The longest time open with its jitter, then a half-open.
    for (auto end = now + 6min + 30s; now < end; now += 100ms) {
      auto permit = b.ask(now);
      if (permit.allowed)
        b.report({.ticket = permit.ticket, .first_token = 100ms}, now, 0.5);
    }
    REQUIRE(b.state(now) == breaker_state::closed);
  }
}

} // namespace
