#include "runtime/scheduling/policy_source.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

using namespace troupe::runtime;
using Catch::Matchers::WithinRel;

namespace {

mono_time at(int64_t seconds) {
  return mono_time{std::chrono::seconds{seconds}};
}

/// Two shards with 80 s of work each on 4 slots, for an hour.
policy_source busy() {
  policy_source p{{}, {}};
  for (int i = 0; i < 3600; ++i) {
    p.backlog(shard_id{0}, 80, {});
    p.backlog(shard_id{1}, 80, {});
    p.publish({.capacity = 4}, at(i));
  }
  return p;
}

} // namespace

TEST_CASE("a published policy follows the backlog of all shards",
          "[scheduling][policy]") {
  auto p = busy();
  auto last = p.publish({.capacity = 4, .running_s = 8}, at(3600));
  CHECK_THAT(last->drain_s, WithinRel(40.0, 0.01));
  CHECK_THAT(last->terms.gamma, WithinRel(0.3 / 40, 0.02));
}

TEST_CASE("a dispatcher that replaces another goes on from its backlog",
          "[scheduling][policy]") {
  auto old = busy();
  cost_features job{.tenant = "t", .input_bytes = 400};
  for (int i = 0; i < 100; ++i)
    old.measured(
      {.job = job, .input_tokens = 100, .output_tokens = 10, .seconds = 0.25});
  auto last = old.publish({.capacity = 4}, at(3600));

  policy_source heir{{}, {}};
  heir.publish({}, at(3601));
  heir.resume(*last, at(3601));
  auto next = heir.publish({.capacity = 4}, at(3602));
  CHECK_THAT(next->drain_s, WithinRel(last->drain_s, 0.01));
  CHECK_THAT(next->terms.limit_s, WithinRel(last->terms.limit_s, 0.01));
  CHECK(next->costs->samples() == 100);
}

TEST_CASE("only the first echo counts, and none after a shard's report",
          "[scheduling][policy]") {
  auto last = busy().publish({.capacity = 4}, at(3600));
  auto other = *last;
  other.drain_s = 1;
  policy_source heir{{}, {}};
  CHECK_FALSE(heir.resume(model_policy{}, at(1))); // a shard never told
  CHECK(heir.resume(*last, at(1)));
  CHECK_FALSE(heir.resume(other, at(1)));
  CHECK_THAT(heir.publish({.capacity = 4, .running_s = 160}, at(2))->drain_s,
             WithinRel(last->drain_s, 0.01));

  policy_source established{{}, {}};
  established.backlog(shard_id{0}, 4, {});
  established.publish({.capacity = 4}, at(1));
  CHECK_FALSE(established.resume(*last, at(2)));
  CHECK(established.publish({.capacity = 4}, at(3))->drain_s < 1.1);
}

TEST_CASE("before there is a worker the backlog says nothing",
          "[scheduling][policy]") {
  policy_source p{{}, {}};
  p.publish({}, at(0)); // an average that began at 0 would last for minutes
  p.backlog(shard_id{0}, 160, {});
  p.publish({.capacity = 4}, at(1));
  CHECK_THAT(p.publish({.capacity = 4}, at(2))->drain_s, WithinRel(40.0, 1e-9));
}
