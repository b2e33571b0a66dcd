// Budgets in random use: what is in the bucket, reserved, lent and spent always
// adds up to what came in, to the millionth.
#include "runtime/overload/tenant_budget.hpp"

#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

constexpr mono_time origin{1h};
constexpr wall_time day{std::chrono::days{20'000}};

int64_t micro(double cost) {
  return std::llround(cost * 1e6);
}

/// A home, and nodes that hold one slice each, while time stands still: nothing
/// comes in, so that the sum may only fall by what is spent.
class neighbourhood {
public:
  explicit neighbourhood(uint64_t seed) : random_{seed} {
    for (int i = 0; i < 4; ++i)
      nodes_.emplace_back();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      CAPTURE(i);
      step();
      check();
    }
  }

  size_t settled() const { return settled_; }
  size_t refused() const { return refused_; }
  size_t restarts() const { return restarts_; }
  size_t overdrawn() const { return overdrawn_; }

private:
  struct node {
    std::optional<budget_slice> slice;
    std::optional<tenant_budget> holder;
    std::map<uint64_t, double> jobs; ///< Live, with what they reserved.
  };

  void step() {
    auto& n = nodes_[random_.below(nodes_.size())];
    switch (random_.below(12)) {
      case 0:
        if (n.holder && n.jobs.empty())
          give_back(n);
        break;
      case 1:
        if (!n.holder)
          borrow(n);
        break;
      case 2:
        if (random_.below(10) == 0)
          restart();
        break;
      case 3:
      case 4:
      case 5:
        spend(home_, home_jobs_);
        break;
      case 6:
      case 7:
      case 8:
        end(home_, home_jobs_);
        break;
      default:
        if (n.holder && random_.below(2) == 0)
          spend(*n.holder, n.jobs);
        else if (n.holder)
          end(*n.holder, n.jobs);
    }
  }

  void borrow(node& n) {
    n.slice = home_.take_slice(1 + 10 * random_.unit(), origin);
    if (n.slice)
      n.holder = tenant_budget::of_slice(*n.slice, origin);
  }

  void give_back(node& n) {
    REQUIRE(home_.return_slice(n.slice->id, n.holder->level_micro_cost(origin),
                               origin));
    REQUIRE_FALSE(home_.return_slice(n.slice->id, 0, origin));
    n.slice.reset();
    n.holder.reset();
  }

  void spend(tenant_budget& b, std::map<uint64_t, double>& jobs) {
    auto cost = random_.unit() * (random_.below(4) == 0 ? 40 : 2);
    auto level = b.level_micro_cost(origin);
    auto verdict = b.reserve({1, ++last_job_}, cost, origin);
    REQUIRE(verdict.fits == (micro(cost) <= level));
    if (verdict.fits) {
      jobs.emplace(last_job_, cost);
      REQUIRE(b.level_micro_cost(origin) >= 0);
    } else {
      ++refused_;
      REQUIRE(b.level_micro_cost(origin) == level);
    }
  }

  void end(tenant_budget& b, std::map<uint64_t, double>& jobs) {
    if (jobs.empty())
      return;
    auto at = jobs.lower_bound(random_.below(last_job_ + 1));
    if (at == jobs.end())
      at = jobs.begin();
    auto real = random_.below(5) == 0 ? 0 : at->second * 2.1 * random_.unit();
    REQUIRE(b.settle({1, at->first}, real, origin));
    REQUIRE_FALSE(b.settle({1, at->first}, real, origin));
    spent_ += micro(real);
    jobs.erase(at);
    ++settled_;
    overdrawn_ += b.level_micro_cost(origin) < 0 ? 1 : 0;
  }

  void restart() {
    tenant_budget reborn{limits, home_.record(origin, day), origin, day};
    for (auto [id, cost] : home_jobs_)
      reborn.adopt({1, id}, cost);
    REQUIRE(reborn.record(origin, day) == home_.record(origin, day));
    home_ = std::move(reborn);
    ++restarts_;
  }

  static int64_t reserved(const std::map<uint64_t, double>& jobs) {
    int64_t sum = 0;
    for (auto [id, cost] : jobs)
      sum += micro(cost);
    return sum;
  }

  void check() {
    REQUIRE(home_.reserved_micro_cost() == reserved(home_jobs_));
    REQUIRE(home_.live_jobs() == home_jobs_.size());
    auto sum = home_.level_micro_cost(origin) + home_.reserved_micro_cost();
    int64_t lent = 0;
    for (auto& n : nodes_) {
      if (!n.holder)
        continue;
      REQUIRE(n.holder->reserved_micro_cost() == reserved(n.jobs));
      sum +=
        n.holder->level_micro_cost(origin) + n.holder->reserved_micro_cost();
      lent += n.slice->micro_cost;
    }
    REQUIRE(micro(home_.level(origin).lent) == lent);
    REQUIRE(sum + spent_ == micro(limits.burst));
  }

  static constexpr budget_limits limits{.cost_per_minute = 60, .burst = 2000};
  seeded_rng random_;
  tenant_budget home_{limits, origin};
  std::map<uint64_t, double> home_jobs_;
  std::vector<node> nodes_;
  uint64_t last_job_ = 0;
  int64_t spent_ = 0;
  size_t settled_ = 0;
  size_t refused_ = 0;
  size_t restarts_ = 0;
  size_t overdrawn_ = 0;
};

TEST_CASE("bucket, reservations, slices and spending add up at every step",
          "[runtime][overload]") {
  size_t settled = 0;
  size_t refused = 0;
  size_t restarts = 0;
  size_t overdrawn = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    neighbourhood n{seed};
    n.run(3000);
    settled += n.settled();
    refused += n.refused();
    restarts += n.restarts();
    overdrawn += n.overdrawn();
  }
  CHECK(settled > 10'000);
  CHECK(refused > 1000);
  CHECK(restarts > 100);
  CHECK(overdrawn > 10);
}

TEST_CASE("admitted cost never exceeds a burst and what came in",
          "[runtime][overload]") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    seeded_rng random{seed};
    budget_limits limits{.cost_per_minute = 1 + 500 * random.unit(),
                         .burst = 1 + 100 * random.unit()};
    tenant_budget budget{limits, origin};
    auto now = origin;
    auto wall = day;
    double admitted = 0;
    size_t kept = 0;
    for (uint64_t i = 0; i < 1500; ++i) {
      auto step = duration{static_cast<int64_t>(random.below(1'000'000))};
      now += step;
      wall += step;
      if (random.below(100) == 0) // Also across restarts and a jumping clock.
        budget = tenant_budget{
          limits, budget.record(now, wall), now,
          wall - duration{static_cast<int64_t>(random.below(3'600'000'000))}};
      auto cost = limits.burst * random.unit() * random.unit();
      auto verdict = budget.reserve({2, i}, cost, now);
      if (verdict.fits) {
        admitted += cost;
      } else {
        // Its word holds.
        REQUIRE(verdict.retry_after);
        if (random.below(4) == 0) {
          now += *verdict.retry_after;
          wall += *verdict.retry_after;
          REQUIRE(budget.reserve({2, i}, cost, now).fits);
          admitted += cost;
          ++kept;
        }
      }
      auto came_in = limits.cost_per_minute / 60
                     * std::chrono::duration<double>(now - origin).count();
      REQUIRE(admitted <= limits.burst + came_in + 1e-3);
      REQUIRE(budget.level(now).remaining >= 0);
      REQUIRE(budget.level(now).remaining <= limits.burst + 1e-6);
    }
    CHECK(kept > 0);
  }
}

} // namespace
