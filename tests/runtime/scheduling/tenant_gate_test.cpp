#include "runtime/rng.hpp"
#include "runtime/scheduling/tenant_gate.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

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

namespace {

/// Tenants that come and go, jobs whose real work differs from the predicted;
/// what each was served per share since both of a pair have been waiting.
struct gate_world {
  explicit gate_world(uint64_t seed) : random{seed} {
    for (size_t i = 0; i < count; ++i) {
      shares[i] = 0.5 + random.unit() * 3;
      gate.intern("t" + std::to_string(i), shares[i]);
      if (random.below(2) == 0)
        renew(i);
    }
  }

  void renew(size_t t) {
    gate.offer(static_cast<uint32_t>(t), rank(++keys * 7919 % 100'003 + 1));
  }

  void come_or_go() {
    auto t = random.below(count);
    if (gate.waits(static_cast<uint32_t>(t)))
      gate.withdraw(static_cast<uint32_t>(t));
    else
      renew(t);
  }

  void serve(uint32_t t) {
    auto predicted = std::exp(random.unit() * 3 - 2);
    auto real = predicted * std::exp(random.unit() * 2 - 1);
    c_max = std::max({c_max, real / shares[t], predicted / shares[t]});
    gate.charge(t, predicted);
    gate.correct(t, real - predicted);
    served[t] += real / shares[t];
    renew(t);
    slack_max = std::max(slack_max, gate.slack());
  }

  double difference(size_t i, size_t j) {
    auto& start = starts[i][j];
    bool both = gate.waits(static_cast<uint32_t>(i))
                && gate.waits(static_cast<uint32_t>(j));
    auto now = served[i] - served[j];
    if (!both || !start) {
      start = both ? std::optional{now} : std::nullopt;
      return 0;
    }
    return now - *start;
  }

  static constexpr size_t count = 8;
  seeded_rng random;
  tenant_gate gate{5};
  std::array<double, count> shares{};
  std::array<double, count> served{};
  std::array<std::array<std::optional<double>, count>, count> starts{};
  double c_max = 0;
  double slack_max = 0;
  int64_t keys = 0;
};

} // namespace

// scheduling.md section 4: while two tenants stay dispatchable, their clocks differ
// by at most U + 2 c_max (corrections are immediate here); service over a span by
// twice that, since each of its ends may be off.
TEST_CASE("while two tenants wait, their service per share stays together, and "
          "whoever waits is picked from",
          "[scheduling][gate][property]") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    gate_world w{seed};
    for (int step = 0; step < 20'000; ++step) {
      if (w.random.below(200) == 0)
        w.come_or_go();
      auto t = w.gate.pick();
      size_t waiting = 0;
      for (uint32_t i = 0; i < w.count; ++i)
        waiting += w.gate.waits(i);
      REQUIRE(t.has_value() == (waiting > 0));
      if (t)
        w.serve(*t);
      auto bound = w.slack_max + 2 * w.c_max;
      REQUIRE(w.gate.gap() <= bound);
      double widest = 0;
      for (size_t i = 0; i < w.count; ++i)
        for (size_t j = 0; j < i; ++j)
          widest = std::max(widest, std::abs(w.difference(i, j)));
      REQUIRE(widest <= 2 * bound);
    }
  }
}
