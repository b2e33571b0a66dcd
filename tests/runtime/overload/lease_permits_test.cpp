#include "runtime/overload/lease_permits.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

constexpr size_t any_number = std::numeric_limits<size_t>::max();
constexpr mono_time start{1h};

job_id job(uint64_t n) {
  return {1, n};
}

breaker_news closed(uint64_t generation, uint64_t round) {
  return {.generation = generation,
          .round = round,
          .closed = true,
          .standing = {.round = round}};
}

breaker_news half_open(uint64_t round, std::vector<call_ticket> probes,
                       mono_time retry_at = start) {
  return {.generation = 1,
          .round = round,
          .probes = std::move(probes),
          .retry_at = retry_at};
}

} // namespace

TEST_CASE("nothing is leased before the breaker spoke", "[runtime][permits]") {
  lease_permits p{start};
  CHECK(p.limit(start) == 0);
  CHECK_FALSE(p.should_ask(5, start)); // It was asked at the start.
  p.heard(closed(1, 7));
  CHECK(p.limit(start) == any_number);
  CHECK(p.take(job(1)) == call_ticket{.round = 7});
  CHECK_FALSE(p.should_ask(5, start));
}

TEST_CASE("each probe is one lease, and is asked for once",
          "[runtime][permits]") {
  lease_permits p{start};
  p.heard(half_open(2, {}));
  CHECK(p.limit(start) == 0);
  CHECK_FALSE(p.should_ask(0, start));
  CHECK(p.should_ask(2, start));
  CHECK_FALSE(p.should_ask(2, start));
  p.heard(half_open(2, {{2, 1}, {2, 2}}, start + 30s));
  REQUIRE(p.limit(start) == 2);
  CHECK(p.take(job(1)) == call_ticket{2, 1});
  CHECK(p.take(job(2)) == call_ticket{2, 2});
  CHECK(p.limit(start) == 0);
  // Refused until then.
  CHECK_FALSE(p.should_ask(1, start + 29s));
  CHECK(p.should_ask(1, start + 30s));
}

TEST_CASE("a probe whose lease is refused comes back, one that runs does not",
          "[runtime][permits]") {
  lease_permits p{start};
  p.heard(half_open(2, {{2, 1}, {2, 2}, {2, 3}}));
  p.take(job(1));
  p.take(job(2));
  p.granted(job(1));
  CHECK_FALSE(p.refused(job(1)));
  CHECK(p.refused(job(2)) == call_ticket{2, 2});
  CHECK_FALSE(p.refused(job(2)));
  CHECK(p.take_unused() == std::vector<call_ticket>{{2, 3}});
  CHECK(p.take_unused().empty());
  CHECK(p.limit(start) == 0);
}

TEST_CASE("probes outlive news of their own round only", "[runtime][permits]") {
  lease_permits p{start};
  p.heard(half_open(2, {{2, 1}}));
  p.heard(half_open(2, {}));
  CHECK(p.limit(start) == 1);
  p.take(job(1));
  p.heard(half_open(2, {{2, 2}}));
  p.heard(half_open(4, {}));
  CHECK(p.limit(start) == 0);
  CHECK_FALSE(p.refused(job(1))); // Of a round that is over.
  p.heard(half_open(4, {{4, 1}}));
  p.heard(closed(1, 5));
  CHECK(p.take(job(3)) == call_ticket{.round = 5});
  CHECK(p.take_unused().empty());
}

TEST_CASE("a breaker that is away keeps its word for a while",
          "[runtime][permits]") {
  lease_permits p{start};
  p.heard(half_open(2, {}));
  CHECK(p.should_ask(1, start));
  p.breaker_down(1, start);
  CHECK(p.limit(start + breaker_absence_max - 1us) == 0);
  CHECK_FALSE(p.should_ask(1, start + 1s)); // Nobody is there.
  CHECK(p.limit(start + breaker_absence_max) == any_number);
  CHECK(p.take(job(1)) == call_ticket{}); // Not counted.
  // A successor takes over.
  auto next = half_open(9, {});
  next.generation = 2;
  p.heard(next);
  CHECK(p.limit(start + 1h) == 0);
  CHECK(p.should_ask(1, start + 1h));
  // What the old one still had to say, and that it went down, is no news.
  p.heard(closed(1, 3));
  p.breaker_down(1, start + 1h);
  CHECK(p.limit(start + 3h) == 0);
}

TEST_CASE("a closed breaker's death stops nothing", "[runtime][permits]") {
  lease_permits p{start};
  p.heard(closed(1, 7));
  p.breaker_down(1, start);
  CHECK(p.limit(start) == any_number);
  CHECK(p.limit(start + 10h) == any_number);
}

TEST_CASE("without any breaker the model works on its own",
          "[runtime][permits]") {
  lease_permits p{start};
  CHECK(p.limit(start + breaker_absence_max) == any_number);
  CHECK(p.take(job(1)) == call_ticket{});
}
