#include "runtime/overload/outcome_window.hpp"

#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <deque>

using namespace troupe::runtime;

TEST_CASE("a window counts exactly its newest calls", "[runtime][overload]") {
  for (size_t size : {0, 1, 2, 7, 50}) {
    seeded_rng random{size + 1};
    outcome_window window{size};
    std::deque<call_mark> reference;
    for (int i = 0; i < 2000; ++i) {
      if (random.below(300) == 0) {
        window.clear();
        reference.clear();
      }
      call_mark mark{random.below(2) == 0, random.below(3) == 0};
      window.add(mark);
      reference.push_back(mark);
      if (reference.size() > std::max<size_t>(size, 1))
        reference.pop_front();
      auto count = [&](bool call_mark::*what) {
        return std::count_if(reference.begin(), reference.end(),
                             [&](const call_mark& m) { return m.*what; });
      };
      REQUIRE(window.calls() == reference.size());
      REQUIRE(window.failed() == count(&call_mark::failed));
      REQUIRE(window.slow() == count(&call_mark::slow));
    }
  }
}
