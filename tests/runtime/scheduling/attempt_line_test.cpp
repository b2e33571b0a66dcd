#include "runtime/scheduling/attempt_line.hpp"

#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

constexpr mono_time t0{1h};

attempt_id attempt(uint64_t n) {
  return {job_id{n, n}, 1, 1};
}

} // namespace

TEST_CASE("the smallest key goes first, ties by attempt",
          "[runtime][attempt-line]") {
  attempt_line<int> line;
  line.push(5, attempt(2), {}, 2);
  line.push(5, attempt(1), {}, 1);
  line.push(3, attempt(9), {}, 9);
  CHECK(line.ids()
        == std::vector<attempt_id>{attempt(9), attempt(1), attempt(2)});
  CHECK(line.pop() == 9);
  CHECK(line.take(attempt(2)) == 2);
  CHECK_FALSE(line.take(attempt(2)));
  CHECK(line.pop() == 1);
  CHECK_FALSE(line.pop());
}

TEST_CASE("what is too late to start leaves the line, the rest stays",
          "[runtime][attempt-line]") {
  attempt_line<int> line;
  line.push(1, attempt(1), t0 + 5s, 1);
  line.push(2, attempt(2), {}, 2);
  line.push(3, attempt(3), t0 + 1s, 3);
  CHECK(line.next_limit() == t0 + 1s);
  CHECK(line.take_late(t0).empty());
  CHECK(line.take_late(t0 + 1s) == std::vector<int>{3});
  CHECK(line.next_limit() == t0 + 5s);
  CHECK(line.take_late(t0 + 1h) == std::vector<int>{1});
  CHECK_FALSE(line.next_limit());
  CHECK(line.clear() == std::vector<int>{2});
  CHECK(line.empty());
}

TEST_CASE("a line equals a sorted list, whatever is done to it",
          "[runtime][attempt-line][property]") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    seeded_rng random{seed};
    attempt_line<uint64_t> line;
    struct entry {
      mono_time start_by;
      uint64_t n;
    };
    std::map<std::pair<int64_t, attempt_id>, entry> wanted;
    auto now = t0;
    for (uint64_t n = 1; n <= 300; ++n) {
      now += 10ms;
      auto what = random.below(5);
      if (what < 3) {
        auto key = static_cast<int64_t>(random.below(20));
        auto by = now + std::chrono::milliseconds{random.below(400)};
        if (random.below(2) == 0)
          by = {};
        line.push(key, attempt(n), by, n);
        wanted[{key, attempt(n)}] = {by, n};
      } else if (what == 3) {
        auto got = line.pop();
        REQUIRE(got.has_value() == !wanted.empty());
        if (got) {
          REQUIRE(*got == wanted.begin()->second.n);
          wanted.erase(wanted.begin());
        }
      } else {
        std::vector<uint64_t> late;
        std::erase_if(wanted, [&](const auto& x) {
          bool over =
            x.second.start_by != mono_time{} && x.second.start_by <= now;
          if (over)
            late.push_back(x.second.n);
          return over;
        });
        REQUIRE(line.take_late(now) == late);
      }
      REQUIRE(line.size() == wanted.size());
    }
  }
}
