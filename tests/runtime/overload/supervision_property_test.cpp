// A random world of children that crash, end, start late and ignore stops, run
// against the plan. Every action is checked as it comes.
#include "runtime/overload/supervision_plan.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>

namespace troupe::runtime {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

using kind = supervision_action::kind;
using strategy = supervision_strategy;

class world {
public:
  world(uint64_t seed, strategy how) : random_{seed}, strategy_{how} {
    std::vector<child_spec> specs;
    auto count = 1 + below(6);
    for (size_t i = 0; i < count; ++i)
      specs.push_back(
        {.name = "c" + std::to_string(i),
         .mode = static_cast<restart_mode>(below(8) < 6 ? 1 : 2 + below(2)),
         .essential = below(10) == 0,
         .stop_deadline = below(4) == 0 ? duration{0} : duration{10s},
         .backoff = below(3) == 0 ? engine_backoff : actor_backoff});
    children_.resize(count);
    specs_ = specs;
    plan_.emplace(how, supervisor_intensity, std::move(specs));
  }

  void run() {
    perform(plan_->start(now_));
    for (int step = 0; step < 400 && !finished_; ++step)
      one_event();
    if (!finished_)
      perform(plan_->stop(now_));
    stopping_ = true;
    // Whoever may be waited for without limit obeys in the end.
    for (int step = 0; step < 1000 && !finished_; ++step)
      answer_or_wait();
    REQUIRE(finished_);
    REQUIRE_FALSE(plan_->next_timer());
    for (const auto& c : children_)
      REQUIRE((!c.alive || c.abandoned));
    check_budgets();
  }

  size_t restarts() const { return restart_times_.size(); }
  size_t quarantines() const { return quarantines_; }
  bool escalated() const { return plan_->escalated(); }

private:
  struct child {
    bool alive = false;
    bool up = false;
    bool stop_asked = false;
    bool kill_asked = false;
    bool abandoned = false;
    bool quarantined = false;
    uint64_t generation = 0;
    std::optional<mono_time> crashed_at; ///< Its own crash awaits a restart.
    uint32_t failures = 0;
    mono_time up_since{};
    std::vector<mono_time> restart_times;
  };

  size_t below(size_t n) { return static_cast<size_t>(random_() % n); }
  double unit() { return static_cast<double>(random_() >> 11) * 0x1p-53; }

  void one_event() {
    auto i = below(children_.size());
    auto& c = children_[i];
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        if (c.alive)
          die(i, exit_kind::crash);
        break;
      case 3:
        if (c.alive && c.up)
          die(i, exit_kind::normal);
        break;
      case 4: // An echo of an older life.
        if (c.generation > 1)
          REQUIRE(
            plan_
              ->child_down(i, c.generation - 1, exit_kind::crash, now_, unit())
              .empty());
        break;
      case 5:
        if (c.quarantined) {
          c.quarantined = false;
          c.failures = 0;
          c.restart_times.clear();
          perform(plan_->release(i, now_));
        }
        break;
      case 6: { // Time passes, but no timer is missed.
        auto next = plan_->next_timer();
        now_ += duration{static_cast<int64_t>(below(20'000'000))};
        now_ = next ? std::min(now_, *next) : now_;
        perform(plan_->timer(now_));
        break;
      }
      case 7:
        if (below(60) == 0) {
          plan_->drain();
          draining_ = true;
        }
        break;
      default:
        answer_or_wait();
    }
  }

  // The next answer that is due, else the next time that is.
  void answer_or_wait() {
    std::vector<size_t> silent;
    for (size_t i = 0; i < children_.size(); ++i)
      if (children_[i].alive && !children_[i].abandoned
          && (!children_[i].up || children_[i].stop_asked))
        silent.push_back(i);
    if (!silent.empty() && below(4) != 0) {
      auto i = silent[below(silent.size())];
      auto& c = children_[i];
      if (c.stop_asked)
        die(i, below(2) == 0 ? exit_kind::crash : exit_kind::normal);
      else
        come_up(i);
      return;
    }
    if (auto next = plan_->next_timer()) {
      REQUIRE(*next > now_); // Else the shell would spin.
      now_ = *next;
      perform(plan_->timer(now_));
    }
  }

  void come_up(size_t i) {
    auto& c = children_[i];
    c.up = true;
    c.up_since = now_;
    perform(plan_->child_started(i, c.generation, now_));
  }

  void forget_failures_if_healthy(size_t i) {
    auto& c = children_[i];
    if (c.up && now_ - c.up_since >= specs_[i].backoff.healthy_after())
      c.failures = 0;
  }

  void die(size_t i, exit_kind how) {
    auto& c = children_[i];
    forget_failures_if_healthy(i);
    c.alive = false;
    c.up = false;
    c.crashed_at.reset();
    auto before = plan_->restarts(i);
    auto out = plan_->child_down(i, c.generation, how, now_, unit());
    if (plan_->restarts(i) > before)
      c.crashed_at = now_;
    perform(std::move(out));
  }

  void perform(supervision_actions todo) {
    for (const auto& action : todo)
      check(action);
  }

  void check(const supervision_action& a) {
    CAPTURE(a.child, static_cast<int>(a.what));
    REQUIRE_FALSE(finished_);
    if (a.what == kind::finished) {
      finished_ = true;
      return;
    }
    auto& c = children_.at(a.child);
    if (a.what == kind::start_child) {
      check_start(a, c);
      return;
    }
    REQUIRE(a.generation == c.generation);
    switch (a.what) {
      case kind::stop_child:
        REQUIRE(c.alive);
        REQUIRE_FALSE(c.stop_asked);
        REQUIRE(a.deadline == specs_[a.child].stop_deadline);
        // Reverse order, whatever the strategy: nothing later still runs.
        for (auto k = a.child + 1; k < children_.size(); ++k)
          REQUIRE((!children_[k].alive || children_[k].abandoned));
        c.stop_asked = true;
        break;
      case kind::kill_child:
        REQUIRE((c.alive && c.stop_asked && !c.kill_asked));
        REQUIRE(specs_[a.child].stop_deadline > duration{0});
        c.kill_asked = true;
        break;
      case kind::abandon_child:
        REQUIRE((c.alive && c.kill_asked));
        forget_failures_if_healthy(a.child);
        c.abandoned = true;
        break;
      case kind::quarantine_child:
        REQUIRE_FALSE(c.alive);
        REQUIRE_FALSE(specs_[a.child].essential);
        c.quarantined = true;
        ++quarantines_;
        break;
      case kind::escalate:
        REQUIRE(specs_[a.child].essential);
        stopping_ = true;
        break;
      default:
        FAIL("unknown action");
    }
  }

  void check_start(const supervision_action& a, child& c) {
    REQUIRE_FALSE(draining_);
    REQUIRE_FALSE(stopping_);
    REQUIRE((!c.alive || c.abandoned)); // Never two of a name.
    REQUIRE_FALSE(c.quarantined);
    REQUIRE(a.generation == c.generation + 1);
    if (c.generation > 0)
      REQUIRE(specs_[a.child].mode != restart_mode::temporary);
    if (strategy_ != strategy::one_for_one) {
      for (size_t k = 0; k < a.child; ++k)
        REQUIRE(
          (children_[k].up || !children_[k].alive || children_[k].abandoned));
      for (size_t k = a.child + 1; k < children_.size(); ++k)
        REQUIRE(
          (!children_[k].alive || children_[k].abandoned || c.generation == 0));
    }
    if (c.crashed_at)
      check_backoff(a.child, c);
    child fresh;
    fresh.alive = true;
    fresh.generation = a.generation;
    fresh.failures = c.failures;
    fresh.restart_times = std::move(c.restart_times);
    c = std::move(fresh);
  }

  void check_backoff(size_t i, child& c) {
    auto range = specs_[i].backoff;
    auto least = range.first;
    for (uint32_t n = 0; n < c.failures && least < range.cap; ++n)
      least *= 2;
    least = std::min(least, range.cap);
    auto waited = now_ - *c.crashed_at;
    REQUIRE(waited >= least);
    ++c.failures;
    c.restart_times.push_back(*c.crashed_at + waited);
    restart_times_.push_back(now_);
  }

  void check_budgets() {
    // A group's start can wait for stops, so only one-for-one starts exactly
    // when it was granted.
    if (strategy_ != strategy::one_for_one)
      return;
    for (const auto& c : children_)
      check_window(c.restart_times, child_intensity);
    check_window(restart_times_, supervisor_intensity);
  }

  static void check_window(const std::vector<mono_time>& times,
                           restart_intensity limit) {
    for (size_t k = limit.restarts_max; k < times.size(); ++k)
      REQUIRE(times[k] - times[k - limit.restarts_max] >= limit.window);
  }

  std::mt19937_64 random_;
  strategy strategy_;
  std::vector<child_spec> specs_;
  std::vector<child> children_;
  std::optional<supervision_plan> plan_;
  mono_time now_{1h};
  bool draining_ = false;
  bool stopping_ = false;
  bool finished_ = false;
  size_t quarantines_ = 0;
  std::vector<mono_time> restart_times_;
};

TEST_CASE("a random world never breaks the rules of supervision",
          "[runtime][supervision]") {
  for (auto how :
       {strategy::one_for_one, strategy::rest_for_one, strategy::one_for_all}) {
    size_t restarts = 0;
    size_t quarantines = 0;
    size_t escalations = 0;
    for (uint64_t seed = 1; seed <= 400; ++seed) {
      CAPTURE(seed, static_cast<int>(how));
      world w{seed, how};
      w.run();
      restarts += w.restarts();
      quarantines += w.quarantines();
      escalations += w.escalated() ? 1 : 0;
    }
    // The worlds reach what they are meant to test.
    CHECK(restarts > 2000);
    CHECK(quarantines > 100);
    CHECK(escalations > 50);
  }
}

} // namespace
} // namespace troupe::runtime
