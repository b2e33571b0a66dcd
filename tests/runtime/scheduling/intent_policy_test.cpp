#include "runtime/scheduling/intent_policy.hpp"

#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <limits>

namespace troupe::runtime {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr mono_time origin{1h};
using order = std::vector<size_t>;

TEST_CASE("an intent picks its kind of model", "[intent]") {
  std::vector<alias_model> models{{model_kind::accurate},
                                  {model_kind::fast},
                                  {model_kind::experimental},
                                  {model_kind::accurate}};
  CHECK(allowed_models(request_intent::fast, models) == order{1});
  CHECK(allowed_models(request_intent::accurate, models) == order{0, 3});
  CHECK(allowed_models(request_intent::explore, models) == order{2, 0, 3});
  models[0].loaded = true;
  CHECK(allowed_models(request_intent::accurate, models) == order{3, 0});
  models[3].loaded = true;
  CHECK(allowed_models(request_intent::accurate, models) == order{1, 0, 3});
  models[2].served = false; // The allocator found no surplus.
  CHECK(allowed_models(request_intent::explore, models) == order{1, 0, 3});
}

TEST_CASE("an alias without the wanted kind gives what it has", "[intent]") {
  std::vector<alias_model> fast{{model_kind::fast}};
  std::vector<alias_model> accurate{{model_kind::accurate}};
  std::vector<alias_model> trial{{model_kind::experimental, false, false}};
  for (auto intent : {request_intent::fast, request_intent::accurate,
                      request_intent::explore}) {
    CHECK(allowed_models(intent, fast) == order{0});
    CHECK(allowed_models(intent, accurate) == order{0});
    CHECK(allowed_models(intent, trial) == order{0});
    CHECK(allowed_models(intent, {}).empty());
  }
}

TEST_CASE("no model twice, none unasked for, never none of some", "[intent]") {
  seeded_rng random{3};
  for (int round = 0; round < 5000; ++round) {
    std::vector<alias_model> models(1 + random.below(6));
    for (auto& x : models)
      x = {model_kind(1 + random.below(3)), random.below(2) == 0,
           random.below(2) == 0};
    auto intent = request_intent(1 + random.below(3));
    auto chosen = allowed_models(intent, models);
    REQUIRE_FALSE(chosen.empty());
    for (auto i : chosen) {
      REQUIRE(i < models.size());
      REQUIRE(std::count(chosen.begin(), chosen.end(), i) == 1);
    }
    bool only_trials = std::all_of(models.begin(), models.end(), [](auto& x) {
      return x.kind == model_kind::experimental;
    });
    if (intent != request_intent::explore && !only_trials)
      for (auto i : chosen)
        REQUIRE(models[i].kind != model_kind::experimental);
  }
}

TEST_CASE("a load switch is on after a second above", "[intent]") {
  load_switch load{10};
  CHECK_FALSE(load.update(origin, 11, 1s));
  CHECK_FALSE(load.update(origin + 999ms, 11, 1s));
  CHECK_FALSE(load.update(origin + 999ms, 10, 1s)); // Begins again.
  CHECK_FALSE(load.update(origin + 1s, 11, 1s));
  CHECK_FALSE(load.update(origin + 1s, 11, 1s)); // The clock stands still.
  CHECK(load.update(origin + 2s, 11, 1s));
}

TEST_CASE("a load switch is off after two load times below half", "[intent]") {
  load_switch load{10};
  auto load_time = 8s;
  load.update(origin, 1e300, load_time);
  REQUIRE(load.update(origin + 1s, 1e300, load_time));
  CHECK(load.update(origin + 2s, 4.9, load_time));
  CHECK(load.update(origin + 17s, 4.9, load_time));
  CHECK(load.update(origin + 17s, 5, load_time)); // Not below half.
  CHECK(load.update(origin + 20s, 0, load_time));
  CHECK(load.update(origin + 36s - 1ms, 0, load_time));
  CHECK_FALSE(load.update(origin + 36s, 0, load_time));
}

TEST_CASE("a load switch needs ten seconds at least, an hour's load at most",
          "[intent]") {
  for (auto absurd : {duration::min(), duration::max()}) {
    load_switch load{10};
    load.update(origin, 11, absurd);
    REQUIRE(load.update(origin + 1s, 11, absurd));
    load.update(origin + 2s, 0, absurd);
    auto patience = absurd < 0s ? duration{10s} : duration{2h};
    CHECK(load.update(origin + 2s + patience - 1ms, 0, absurd));
    CHECK_FALSE(load.update(origin + 2s + patience, 0, absurd));
  }
}

TEST_CASE("values that swing within the band, or are none, switch nothing",
          "[intent]") {
  seeded_rng random{9};
  for (bool on : {false, true}) {
    load_switch load{10};
    auto now = origin;
    load.update(now, on ? 11 : 0, 1s);
    now += 1s;
    REQUIRE(load.update(now, on ? 11 : 0, 1s) == on);
    for (int i = 0; i < 10'000; ++i) {
      now += 100ms;
      auto value = random.below(9) == 0
                     ? std::numeric_limits<double>::quiet_NaN()
                     : 5 + random.unit() * 5;
      REQUIRE(load.update(now, value, 1s) == on);
    }
  }
}

} // namespace
} // namespace troupe::runtime
