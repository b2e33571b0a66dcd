#include "runtime/rng.hpp"
#include "runtime/scheduling/tenant_gate.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <vector>

using namespace troupe::runtime;

namespace {

job_id id_of(uint64_t n) {
  seeded_rng random{n};
  return job_id::make(wall_from_us(static_cast<int64_t>(n)), shard_id{0},
                      random);
}

head_rank rank(int64_t key) {
  return {.key = key, .id = id_of(static_cast<uint64_t>(key))};
}

} // namespace

TEST_CASE("within the slack the least head decides, beyond it the clock",
          "[scheduling][gate]") {
  tenant_gate gate{2};
  auto a = gate.intern("a");
  auto b = gate.intern("b");
  gate.offer(a, rank(1));
  gate.offer(b, rank(100));
  int in_a_row = 0;
  while (gate.pick() == a) {
    gate.charge(a, 1);
    REQUIRE(++in_a_row < 10);
  }
  CHECK(in_a_row == 3);
  CHECK(gate.throttled() == 1);
  gate.charge(b, 1);
  CHECK(gate.pick() == a);
}

TEST_CASE("an overdue head goes before all that are not, the higher tier first",
          "[scheduling][gate]") {
  tenant_gate gate{5};
  auto a = gate.intern("a");
  auto b = gate.intern("b");
  auto c = gate.intern("c");
  gate.offer(a, rank(1));
  gate.offer(b, {.on_time = false, .tier = 2, .key = 50, .id = id_of(1)});
  CHECK(gate.pick() == b);
  gate.offer(c, {.on_time = false, .tier = 1, .key = 90, .id = id_of(2)});
  CHECK(gate.pick() == c);
}

TEST_CASE("a tenant that comes back starts level with the slowest that waits",
          "[scheduling][gate]") {
  tenant_gate gate{1};
  auto a = gate.intern("a");
  auto b = gate.intern("b");
  gate.offer(a, rank(1));
  for (int i = 0; i < 100; ++i)
    gate.charge(a, 1);
  gate.offer(b, rank(2));
  CHECK(gate.clock(b) == gate.clock(a));
  gate.withdraw(a);
  gate.withdraw(b);
  auto c = gate.intern("c");
  gate.offer(c, rank(3));
  CHECK(gate.clock(c) == 100);
}

TEST_CASE("nonsense moves no clock", "[scheduling][gate]") {
  tenant_gate gate{5};
  auto a = gate.intern("a", std::nan(""));
  gate.offer(a, rank(1));
  for (double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    gate.charge(a, bad);
    gate.correct(a, bad);
  }
  gate.charge(a, -1);
  CHECK(gate.clock(a) == 0);
  gate.charge(a, 3);
  CHECK(gate.clock(a) == 3);
}

// scheduling.md section 4: while two tenants stay dispatchable, service per share
// differs by at most U + 2 c_max (corrections are immediate here).
TEST_CASE("while two tenants wait, their service per share stays together, and "
          "whoever waits is picked from",
          "[scheduling][gate][property]") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    seeded_rng random{seed};
    tenant_gate gate{5};
    struct side {
      tenant_gate::tenant_index t;
      double share;
      double served = 0;
      std::optional<double> since; ///< `served` when it began to wait.
    };
    std::vector<side> sides;
    for (int i = 0; i < 8; ++i) {
      auto share = 0.5 + random.unit() * 3;
      sides.push_back(
        {.t = gate.intern("t" + std::to_string(i), share), .share = share});
    }
    struct pair_start {
      double a, b;
      bool both = false;
    };
    std::vector<std::vector<pair_start>> starts(8, std::vector<pair_start>(8));
    double c_max = 0;
    double slack_max = 0;
    int64_t key = 0;
    auto flip = [&](side& s, bool waits) {
      if (waits)
        gate.offer(s.t, rank(++key * 7919 % 100'003 + 1));
      else
        gate.withdraw(s.t);
    };
    for (auto& s : sides)
      flip(s, random.below(2) == 0);
    for (int step = 0; step < 20'000; ++step) {
      if (random.below(200) == 0) {
        auto& s = sides[random.below(8)];
        flip(s, !gate.waits(s.t));
      }
      auto t = gate.pick();
      auto waiting = std::count_if(sides.begin(), sides.end(),
                                   [&](auto& s) { return gate.waits(s.t); });
      REQUIRE(t.has_value() == (waiting > 0));
      if (!t)
        continue;
      auto& s = sides[*t];
      auto predicted = std::exp(random.unit() * 3 - 2);
      auto real = predicted * std::exp(random.unit() * 2 - 1);
      c_max = std::max({c_max, real / s.share, predicted / s.share});
      gate.charge(s.t, predicted);
      gate.correct(s.t, real - predicted);
      s.served += real / s.share;
      gate.offer(s.t, rank(++key * 7919 % 100'003 + 1));
      slack_max = std::max(slack_max, gate.slack());
      for (size_t i = 0; i < 8; ++i)
        for (size_t j = 0; j < i; ++j) {
          auto& start = starts[i][j];
          bool both = gate.waits(sides[i].t) && gate.waits(sides[j].t);
          if (both && start.both) {
            auto difference =
              (sides[i].served - start.a) - (sides[j].served - start.b);
            // Each end of the span may be off by the bound's clock gap.
            REQUIRE(std::abs(difference) <= 2 * (slack_max + 2 * c_max));
          }
          if (both && !start.both)
            start = {sides[i].served, sides[j].served, true};
          start.both = both;
        }
      REQUIRE(gate.gap() <= slack_max + 2 * c_max);
    }
  }
}
