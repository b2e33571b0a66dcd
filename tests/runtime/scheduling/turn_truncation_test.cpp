#include "runtime/rng.hpp"
#include "runtime/scheduling/turn_truncation.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <limits>

using namespace troupe::runtime;

namespace {

using messages = std::vector<chat_message>;

size_t bytes_of(const messages& all) {
  size_t n = 0;
  for (const auto& m : all)
    n += m.content.size();
  return n;
}

messages some_chat(rng& random) {
  static constexpr std::array roles{"system", "user", "assistant"};
  messages all;
  for (size_t n = 1 + random.below(12); n > 0; --n)
    all.push_back(
      {roles[random.below(3)], std::string(random.below(40), 'a' + char(n))});
  return all;
}

bool is_part_of(const messages& part, const messages& whole) {
  auto at = whole.begin();
  for (const auto& m : part) {
    at = std::find(at, whole.end(), m);
    if (at == whole.end())
      return false;
    ++at;
  }
  return true;
}

} // namespace

TEST_CASE("oldest turns go first, the system message and the last turn stay",
          "[scheduling][truncation]") {
  const messages all{{"system", "sss"},   {"user", "11"},
                     {"assistant", "22"}, {"user", "33"},
                     {"assistant", "44"}, {"user", "55"}};
  CHECK(drop_oldest_turns(all, 1) == all);
  CHECK(drop_oldest_turns(all, 12.9 / 13)
        == messages{all[0], all[3], all[4], all[5]});
  CHECK(drop_oldest_turns(all, 8.0 / 13) == messages{all[0], all[5]});
  CHECK(drop_oldest_turns(all, 0) == messages{all[0], all[5]});
  CHECK(kept_bytes_min(all) == 5);
}

TEST_CASE("a shortened chat is in order, no longer than it must be and keeps "
          "what has to stay",
          "[scheduling][truncation][property]") {
  seeded_rng random{42};
  for (int i = 0; i < 5'000; ++i) {
    const auto all = some_chat(random);
    auto share = random.unit() * 1.2 - 0.1;
    auto kept = drop_oldest_turns(all, share);
    REQUIRE(is_part_of(kept, all));
    REQUIRE(kept.back() == all.back());
    auto least = kept_bytes_min(all);
    REQUIRE(bytes_of(kept) >= least);
    auto most = std::max(0.0, share) * static_cast<double>(bytes_of(all));
    REQUIRE((static_cast<double>(bytes_of(kept)) <= most
             || bytes_of(kept) == least || kept == all));
    auto systems = [](const messages& x) {
      return std::count_if(x.begin(), x.end(),
                           [](const auto& m) { return m.role == "system"; });
    };
    REQUIRE(systems(kept) == systems(all));
    // Fewer bytes allowed never keep more.
    REQUIRE(bytes_of(drop_oldest_turns(all, share / 2)) <= bytes_of(kept));
  }
}

TEST_CASE("only chats that allow it and have turns may be shortened",
          "[scheduling][truncation]") {
  job_spec spec;
  spec.messages = {{"user", std::string(60, 'x')},
                   {"user", std::string(40, 'y')}};
  CHECK(kept_tokens_min(spec, 25) == 0);
  spec.truncation_auto = true;
  CHECK(kept_tokens_min(spec, 25) == 10);
  spec.task = task_kind::complete;
  CHECK(kept_tokens_min(spec, 25) == 0);
  spec.task = task_kind::chat;
  spec.messages.clear();
  spec.text = "a plain input";
  CHECK(kept_tokens_min(spec, 25) == 0);
  spec.messages = {{"user", ""}};
  CHECK(kept_tokens_min(spec, 0) == 1);
}

TEST_CASE("steps down add up, and damaged ones drop nothing",
          "[scheduling][truncation][hostile]") {
  job_record record;
  auto step = [&](const char* from, const char* to) {
    record.degradations.push_back(
      {.kind = degradation_kind::context, .from = from, .to = to});
  };
  CHECK(kept_input(record) == 1);
  step("100", "80");
  CHECK(kept_input(record) == 0.8);
  record.degradations.push_back(
    {.kind = degradation_kind::model, .from = "a", .to = "b"});
  step("80", "60");
  CHECK(kept_input(record) == 0.6);
  for (const char* bad : {"", "-5", "nan", "60x", "99999999999"}) {
    record.degradations.clear();
    step(bad, "10");
    CHECK(kept_input(record) == 1);
  }
  record.degradations.clear();
  step("0", "0");
  CHECK(kept_input(record) == 1);
  const messages all{{"user", "a"}, {"user", "b"}};
  CHECK(drop_oldest_turns(all, std::numeric_limits<double>::quiet_NaN())
        == all);
  CHECK(drop_oldest_turns({}, 0).empty());
}
