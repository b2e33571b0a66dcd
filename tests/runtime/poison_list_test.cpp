#include "runtime/poison_list.hpp"
#include "runtime/rng.hpp"
#include "tests/support/job_samples.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <set>

using namespace std::chrono_literals;
using namespace troupe::runtime;
using troupe::tests::job_samples;

namespace {

wall_time at(int64_t seconds) {
  return wall_from_us(seconds * 1'000'000);
}

job_spec asks(std::string text) {
  job_spec spec;
  spec.text = std::move(text);
  return spec;
}

} // namespace

TEST_CASE("an input is its model, task and text, not how it is answered",
          "[overload][poison]") {
  auto spec = asks("hello");
  auto digest = poison_digest("m", spec);
  CHECK(digest.size() == 32);
  spec.params.temperature = 0.1;
  spec.simulate = simulate_params{.crash = true};
  spec.tenant = "other";
  CHECK(poison_digest("m", spec) == digest);
  std::set<std::string> different{digest, poison_digest("n", spec),
                                  poison_digest("m", asks("hello ")),
                                  poison_digest("m", asks(""))};
  spec.task = task_kind::complete;
  different.insert(poison_digest("m", spec));
  // The same letters, cut elsewhere.
  job_spec chat;
  chat.messages = {{"user", "ab"}, {"user", "c"}};
  different.insert(poison_digest("m", chat));
  chat.messages = {{"user", "a"}, {"user", "bc"}};
  different.insert(poison_digest("m", chat));
  chat.messages = {{"usera", "b"}, {"user", "c"}};
  different.insert(poison_digest("m", chat));
  CHECK(different.size() == 8);
}

TEST_CASE("an input is refused until its time is over", "[overload][poison]") {
  job_samples samples{1};
  poison_list list;
  auto id = samples.id({0});
  list.add("a", {at(100), id});
  CHECK(list.find("a", at(99)) == poison_entry{at(100), id});
  CHECK_FALSE(list.find("a", at(100)));
  CHECK_FALSE(list.find("b", at(1)));
  list.add("a", {at(50), id}); // from an older store
  CHECK(list.find("a", at(99)));
  list.add("a", {at(200), id});
  CHECK(list.find("a", at(199)));
  CHECK(list.size() == 1);
  list.expire(at(200));
  CHECK(list.size() == 0);
}

TEST_CASE("the list is bounded: those that end first go",
          "[overload][poison][property]") {
  seeded_rng random{3};
  poison_list list{50};
  std::map<std::string, int64_t> all;
  for (int i = 0; i < 2'000; ++i) {
    auto digest = std::to_string(random.below(300));
    auto until = static_cast<int64_t>(random.below(100'000)) * 1'000 + i;
    list.add(digest, {at(until), {}});
    CHECK(list.size() <= 50);
    if (random.below(20) == 0)
      list.expire(at(static_cast<int64_t>(random.below(10'000))));
  }
  CHECK(list.size() == 50);
}

TEST_CASE("poison survives its bytes, and damage is refused",
          "[overload][poison][codec]") {
  job_samples samples{2};
  poison_entry x{at(1'700'000'000), samples.id({7})};
  auto bytes = encode(x);
  CHECK(decode_poison(bytes) == x);
  for (size_t n = 0; n < bytes.size(); ++n)
    CHECK_FALSE(decode_poison(bytes.substr(0, n)));
  CHECK_FALSE(decode_poison(bytes + "x"));
  bytes[0] = 2;
  CHECK_FALSE(decode_poison(bytes));
  auto digest = poison_digest("m", asks("x"));
  CHECK(digest_of_poison(poison_name(digest)) == digest);
  CHECK_FALSE(digest_of_poison("poison/short"));
  CHECK_FALSE(digest_of_poison("cost/m"));
}
