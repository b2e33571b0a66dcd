#include "runtime/scheduling/pool_moves.hpp"

#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

namespace troupe::runtime {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using kind = pool_step::kind;
using names = std::vector<std::string>;

constexpr mono_time origin{1h};
const std::map<std::string, double> speeds{{"a", 1}, {"b", 1}};

std::vector<pool_model> load(double a, double b) {
  return {{.model = "a", .work_s = a}, {.model = "b", .work_s = b}};
}

/// A pool whose workers all serve.
struct pool {
  explicit pool(const names& models, duration drain_max = 60s)
    : roster{std::make_shared<pool_roster>(models)}, moves{
                                                       roster, {}, drain_max} {
    for (size_t i = 0; i < models.size(); ++i)
      moves.ready(i, models[i], origin);
  }
  std::vector<pool_step> tick(duration at, double a, double b) {
    return moves.tick(origin + at, load(a, b), speeds);
  }
  std::shared_ptr<pool_roster> roster;
  pool_moves moves;
};

TEST_CASE("workers are dealt by floor, then one by one", "[allocator]") {
  CHECK(deal_workers(4, {{"a", 1}, {"b", 1}}) == names{"a", "b", "a", "b"});
  CHECK(deal_workers(4, {{"a", 0}, {"b", 3}}) == names{"b", "b", "b", "a"});
  CHECK(deal_workers(3, {{"a", 1, 1}, {"b", 1, 1}}) == names{"a", "b", ""});
  CHECK(deal_workers(2, {{"a", 0, 0, true}, {"b"}}) == names{"b", "b"});
  CHECK(deal_workers(1, {{"a", 1}, {"b", 1}}) == names{"a"});
  CHECK(deal_workers(0, {{"a", 1}}).empty());
}

TEST_CASE("a move drains, rests, wakes, and is timed to the end",
          "[allocator]") {
  pool p{{"a", "b", "b"}};
  auto steps = p.tick(1s, 100, 0);
  REQUIRE(steps == std::vector<pool_step>{{kind::drain, 1, "b"}});
  auto move = p.moves.take_move();
  REQUIRE(move);
  CHECK(move->why.to == "a");
  CHECK_FALSE(p.moves.take_move());
  CHECK(p.roster->awake("b", 1));
  p.moves.drained(1, "b", 2);
  CHECK(p.tick(2s, 100, 0) == steps); // Asked again.
  p.moves.drained(1, "b", 0);
  CHECK_FALSE(p.roster->awake("b", 1));
  CHECK(p.tick(3s, 100, 0) == std::vector<pool_step>{{kind::rest, 1, "b"}});
  CHECK_FALSE(p.moves.rested(1, "a", origin + 3s));
  CHECK(p.moves.rested(1, "b", origin + 3s) == pool_step{kind::wake, 1, "a"});
  CHECK_FALSE(p.moves.rested(1, "b", origin + 3s));
  CHECK(p.roster->awake("a", 1));
  CHECK(p.moves.count("a").loading == 1);
  auto took = p.moves.ready(1, "a", origin + 5s);
  REQUIRE(took);
  CHECK(took->took == 4s);
  CHECK(p.moves.load_s("a") == 4);
  CHECK_FALSE(p.moves.ready(1, "a", origin + 6s));
  CHECK(p.moves.count("a").ready == 2);
}

TEST_CASE("who does not finish in time yields, and a death ends the wait",
          "[allocator]") {
  pool p{{"a", "b", "b"}, 5s};
  p.tick(1s, 100, 0);
  p.moves.drained(1, "b", 1);
  CHECK(p.tick(5s, 100, 0).front().what == kind::drain);
  auto steps = p.tick(6s, 100, 0);
  REQUIRE(steps.size() == 2);
  CHECK(steps[0] == pool_step{kind::yield, 1, "b"});
  CHECK(steps[1] == pool_step{kind::drain, 1, "b"});
  p.moves.died(1, "b", origin + 7s);
  CHECK(p.tick(7s, 100, 0) == std::vector<pool_step>{{kind::rest, 1, "b"}});
}

TEST_CASE("a successor goes on with the move that it finds", "[allocator]") {
  pool p{{"a", "b", "b"}};
  p.tick(1s, 100, 0);
  pool_moves successor{p.roster, {}, 60s};
  CHECK(successor.moving());
  CHECK(successor.tick(origin + 2s, load(100, 0), speeds)
        == std::vector<pool_step>{{kind::drain, 1, "b"}});
  successor.drained(1, "b", 0);
  CHECK(successor.rested(1, "b", origin + 2s));
  CHECK(successor.ready(1, "a", origin + 3s));
}

TEST_CASE("a model that cannot load gives the worker up, and gets none for "
          "two minutes",
          "[allocator]") {
  pool p{{"a", "b", "b"}};
  p.tick(1s, 100, 0);
  p.moves.drained(1, "b", 0);
  p.moves.rested(1, "b", origin + 1s);
  p.moves.died(1, "a", origin + 2s);
  CHECK(p.tick(3s, 100, 0) == std::vector<pool_step>{{kind::wake, 1, "a"}});
  p.moves.died(1, "a", origin + 4s);
  CHECK(p.tick(4s, 100, 0) == std::vector<pool_step>{{kind::rest, 1, "a"}});
  CHECK_FALSE(p.moves.rested(1, "a", origin + 5s));
  CHECK(p.roster->at(1).phase == slot_phase::idle);
  CHECK(p.tick(60s, 100, 0).empty());
  CHECK(p.roster->at(1).phase == slot_phase::idle);
  CHECK(p.tick(200s, 100, 0) == std::vector<pool_step>{{kind::wake, 1, "a"}});
}

TEST_CASE("while the node drains nothing new is decided", "[allocator]") {
  pool p{{"a", "b", "b"}};
  CHECK(p.moves.tick(origin + 1s, load(100, 0), speeds, true).empty());
  CHECK_FALSE(p.moves.moving());
}

TEST_CASE("with answers late, lost and repeated the floors hold and steps end",
          "[allocator]") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    INFO("seed " << seed);
    seeded_rng random{seed};
    pool p{{"a", "a", "b", "b", "b"}, 3s};
    mono_time now = origin;
    auto answer = [&](const pool_step& s) {
      if (random.unit() < 0.3)
        return; // Lost.
      if (s.what == kind::drain)
        p.moves.drained(s.slot, s.model, random.below(2));
      else if (s.what == kind::rest)
        p.moves.rested(s.slot, s.model, now);
      else if (s.what == kind::wake && random.unit() < 0.1)
        p.moves.died(s.slot, s.model, now);
      else if (s.what == kind::wake)
        p.moves.ready(s.slot, s.model, now);
    };
    for (int i = 0; i < 300; ++i) {
      now += 1s;
      auto models = load(random.unit() * 100, random.unit() * 100);
      for (const auto& step : p.moves.tick(now, models, speeds)) {
        answer(step);
        if (random.unit() < 0.2)
          answer(step);
      }
      // What was never up has no floor: workers may fail to load.
      size_t leaving = 0;
      for (size_t k = 0; k < p.roster->size(); ++k)
        leaving += p.roster->at(k).next.empty() ? 0 : 1;
      REQUIRE(leaving <= 1);
    }
    for (int i = 0; i < 400; ++i) {
      now += 1s;
      for (const auto& step : p.moves.tick(now, load(0, 0), speeds)) {
        if (step.what == kind::drain)
          p.moves.drained(step.slot, step.model, 0);
        else if (step.what == kind::rest)
          p.moves.rested(step.slot, step.model, now);
        else if (step.what == kind::wake)
          p.moves.ready(step.slot, step.model, now);
      }
    }
    CHECK_FALSE(p.moves.moving());
    CHECK(p.moves.count("a").ready >= 1);
    CHECK(p.moves.count("b").ready >= 1);
  }
}

} // namespace
} // namespace troupe::runtime
