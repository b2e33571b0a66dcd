#include "runtime/overload/outlier_ejector.hpp"

#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

constexpr mono_time origin{1h};

outlier_ejector pool_of(int workers) {
  outlier_ejector pool;
  for (int i = 0; i < workers; ++i)
    pool.add("w" + std::to_string(i));
  return pool;
}

/// Fails until it is out, at most `failures` times.
bool fail(outlier_ejector& pool, std::string_view worker, mono_time now,
          int failures = 5) {
  auto out = false;
  for (int i = 0; i < failures && !out; ++i)
    out = pool.failed(worker, now);
  return out;
}

TEST_CASE("five failures in a row eject a worker, a success between does not",
          "[runtime][overload]") {
  auto pool = pool_of(3);
  CHECK_FALSE(fail(pool, "w0", origin, 4));
  pool.succeeded("w0", origin);
  CHECK_FALSE(fail(pool, "w0", origin, 4));
  CHECK(pool.failed("w0", origin));
  CHECK(pool.ejected_until("w0", origin) == origin + 30s);
  CHECK_FALSE(pool.ejected_until("w1", origin));
  CHECK_FALSE(pool.ejected_until("w0", origin + 30s));
}

TEST_CASE("each ejection is longer, up to five minutes, until it was healthy",
          "[runtime][overload]") {
  auto pool = pool_of(2);
  auto now = origin;
  for (int n = 1; n <= 12; ++n) {
    CHECK(fail(pool, "w0", now));
    CHECK(*pool.ejected_until("w0", now) - now == std::min(n * 30s, 300s));
    now = *pool.ejected_until("w0", now);
  }
  now += 300s - 1us;
  CHECK(fail(pool, "w0", now));
  CHECK(*pool.ejected_until("w0", now) == now + 300s);
  now += 600s;
  CHECK(fail(pool, "w0", now));
  CHECK(*pool.ejected_until("w0", now) == now + 30s);
}

TEST_CASE("the last worker is never ejected", "[runtime][overload]") {
  auto pool = pool_of(1);
  CHECK(pool.ejected_max() == 0);
  CHECK_FALSE(fail(pool, "w0", origin, 1000));
  // It has failed enough to go once another one is there.
  pool.add("w1");
  CHECK(pool.failed("w0", origin));
}

TEST_CASE("a worker that becomes the last one returns", "[runtime][overload]") {
  auto pool = pool_of(2);
  CHECK(fail(pool, "w0", origin));
  pool.remove("w1", origin + 1s);
  CHECK_FALSE(pool.ejected_until("w0", origin + 1s));
}

TEST_CASE("when fewer may be out, who would return first returns",
          "[runtime][overload]") {
  auto pool = pool_of(20);
  CHECK(fail(pool, "w5", origin));
  CHECK(fail(pool, "w3", origin + 1s));
  pool.remove("w19", origin + 2s);
  CHECK_FALSE(pool.ejected_until("w5", origin + 2s));
  CHECK(pool.ejected_until("w3", origin + 2s) == origin + 31s);
}

TEST_CASE("at most a tenth is out, but always one may be",
          "[runtime][overload]") {
  for (auto [workers, most] : {std::pair{2, 1}, std::pair{19, 1},
                               std::pair{20, 2}, std::pair{100, 10}}) {
    auto pool = pool_of(workers);
    for (int i = 0; i < workers; ++i)
      CHECK(fail(pool, "w" + std::to_string(i), origin, 100) == (i < most));
    CHECK(pool.ejected(origin) == most);
    CHECK(pool.ejected(origin + 30s) == 0);
  }
}

TEST_CASE("unknown workers and absurd shares are harmless",
          "[runtime][overload]") {
  auto pool = pool_of(3);
  CHECK_FALSE(fail(pool, "nobody", origin));
  pool.succeeded("nobody", origin);
  pool.remove("nobody", origin);
  CHECK_FALSE(pool.ejected_until("nobody", origin));
  pool.add("w0");
  CHECK(pool.size() == 3);

  outlier_ejector all{{.share_max = 1.0}};
  for (auto name : {"a", "b", "c"})
    all.add(name);
  CHECK(all.ejected_max() == 2);
}

TEST_CASE("random workers come, fail and go: the limits hold at every step",
          "[runtime][overload]") {
  size_t ejections = 0;
  size_t held_back = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    seeded_rng random{seed};
    outlier_ejector pool;
    std::map<std::string, int> in_row; // The reference.
    auto now = origin;
    for (int i = 0; i < 1000; ++i) {
      if (random.below(2) == 0)
        now += duration{static_cast<int64_t>(random.below(5'000'000))};
      auto name = "w" + std::to_string(random.below(1 + seed));
      auto what = random.below(20);
      auto could = in_row.contains(name) && !pool.ejected_until(name, now);
      if (what == 0) {
        pool.add(name);
        in_row.try_emplace(name, 0);
      } else if (what == 1) {
        pool.remove(name, now);
        in_row.erase(name);
      } else if (what < 4) {
        pool.succeeded(name, now);
        if (could)
          in_row[name] = 0;
      } else {
        auto room = pool.ejected(now) < pool.ejected_max();
        auto out = pool.failed(name, now);
        REQUIRE(out == (could && room && in_row[name] + 1 >= 5));
        held_back += could && !room && in_row[name] + 1 >= 5 ? 1 : 0;
        if (could)
          in_row[name] = out ? 0 : in_row[name] + 1;
        ejections += out ? 1 : 0;
      }
      REQUIRE(pool.size() == in_row.size());
      auto out = pool.ejected(now);
      REQUIRE(out <= std::max<size_t>(1, pool.size() / 10));
      REQUIRE((out == 0 || out < pool.size()));
    }
  }
  CHECK(ejections > 300);
  CHECK(held_back > 1000);
}

} // namespace
