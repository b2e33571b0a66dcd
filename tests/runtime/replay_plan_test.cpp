#include "runtime/replay_plan.hpp"
#include "runtime/rng.hpp"
#include "tests/support/job_samples.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>
#include <map>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

const mono_time t0{1h};

std::vector<job_id> some_ids(size_t n, uint64_t seed = 1) {
  troupe::tests::job_samples samples{seed};
  std::vector<job_id> ids;
  for (size_t i = 0; i < n; ++i)
    ids.push_back(samples.id({static_cast<uint16_t>(i % 4)}));
  return ids;
}

replay_run of_ids(std::vector<job_id> ids, double rate = 10) {
  replay_run run;
  run.by_ids = true;
  run.waiting = std::move(ids);
  run.rate_per_s = rate;
  return run;
}

std::optional<job_id> letter_of(const replay_plan::step& x) {
  const auto* replay = std::get_if<replay_plan::replay_letter>(&x);
  return replay ? std::optional{replay->letter} : std::nullopt;
}

job_id twin(job_id letter) {
  return {letter.high() + 1, letter.low()};
}

job_record record(job_id id, job_status status, bool dead = false) {
  job_record x;
  x.id = id;
  x.status = status;
  x.dead_letter = dead;
  return x;
}

} // namespace

TEST_CASE("letters are replayed in order, one per 1 / rate", "[runtime][dlq]") {
  auto ids = some_ids(3);
  replay_plan plan{of_ids(ids, 10)};
  CHECK(plan.run().counts.matched == 3);
  auto now = t0;
  for (auto id : ids) {
    CHECK(letter_of(plan.next(now)) == id);
    auto wait = plan.next(now);
    plan.replayed(id, twin(id));
    if (id == ids.back())
      break;
    REQUIRE(std::holds_alternative<replay_plan::idle>(wait));
    CHECK(std::get<replay_plan::idle>(wait).until);
    now = *std::get<replay_plan::idle>(wait).until;
  }
  CHECK(now - t0 >= 100ms);
  CHECK(now - t0 <= 200ms);
  CHECK(plan.run().counts.submitted == 3);
  CHECK(plan.run().open.size() == 3);
}

TEST_CASE("a run ends when its replays have ended, and counts how",
          "[runtime][dlq]") {
  auto ids = some_ids(4);
  replay_plan plan{of_ids(ids, 500)};
  auto now = t0;
  for (auto id : ids) {
    REQUIRE(letter_of(plan.next(now)) == id);
    plan.replayed(id, twin(id));
    now += 10ms;
  }
  (void)plan.next(now);
  CHECK(plan.run().status == run_status::running);
  plan.ended(record(twin(ids[0]), job_status::completed));
  plan.ended(record(twin(ids[1]), job_status::incomplete));
  plan.ended(record(twin(ids[2]), job_status::failed, true));
  plan.ended(record(twin(ids[2]), job_status::failed, true)); // Again.
  plan.ended(record(twin(ids[3]), job_status::expired));
  (void)plan.next(now);
  CHECK(plan.run().status == run_status::completed);
  CHECK(plan.run().counts
        == run_counts{.matched = 4,
                      .submitted = 4,
                      .completed = 2,
                      .failed = 1,
                      .dead_again = 1});
}

TEST_CASE("pages are listed as they are needed, up to max", "[runtime][dlq]") {
  replay_run run;
  run.max = 150;
  run.rate_per_s = 500;
  replay_plan plan{run};
  auto ids = some_ids(150);
  auto first = plan.next(t0);
  REQUIRE(std::holds_alternative<replay_plan::list_letters>(first));
  CHECK(std::get<replay_plan::list_letters>(first).query.limit == 100);
  // Only one question at a time.
  CHECK(std::holds_alternative<replay_plan::idle>(plan.next(t0)));
  plan.list_failed(t0);
  CHECK(std::holds_alternative<replay_plan::idle>(plan.next(t0 + 1ms)));
  auto again = plan.next(t0 + 1s);
  REQUIRE(std::holds_alternative<replay_plan::list_letters>(again));
  plan.listed({ids.begin(), ids.begin() + 100}, ids[99]);
  CHECK(plan.run().after == ids[99]);
  auto now = t0 + 1s;
  for (size_t i = 0; i < 100; ++i, now += 10ms) {
    REQUIRE(letter_of(plan.next(now)) == ids[i]);
    plan.skipped(ids[i]);
  }
  auto second = plan.next(now);
  REQUIRE(std::holds_alternative<replay_plan::list_letters>(second));
  CHECK(std::get<replay_plan::list_letters>(second).query.limit == 50);
  plan.listed({ids.begin() + 100, ids.end()}, ids[149]);
  CHECK(plan.run().listed_all);
  CHECK(plan.run().counts.matched == 150);
}

TEST_CASE("the question for letters is the run's filter", "[runtime][dlq]") {
  replay_run run;
  run.tenant = "acme";
  run.reasons = {letter_reason::attempts_exhausted};
  run.models = {"m"};
  run.classes = {"c"};
  run.tiers = {service_tier::flex};
  run.died_after = wall_time{1s};
  run.died_before = wall_time{2s};
  run.oldest_first = false;
  run.after = some_ids(1)[0];
  replay_plan plan{run};
  auto step = plan.next(t0);
  const auto& query = std::get<replay_plan::list_letters>(step).query;
  CHECK(query.filter.tenant == "acme");
  CHECK(query.filter.dead_letter == true);
  CHECK(query.filter.letter_states == std::vector{letter_state::dead});
  CHECK(query.filter.letter_reasons == run.reasons);
  CHECK(query.filter.models == run.models);
  CHECK(query.filter.classes == run.classes);
  CHECK(query.filter.tiers == run.tiers);
  CHECK(query.filter.died_after == run.died_after);
  CHECK(query.filter.died_before == run.died_before);
  CHECK(query.after == run.after);
  CHECK(query.descending);
}

TEST_CASE("what a run does with a letter", "[runtime][dlq]") {
  troupe::tests::job_samples samples{3};
  auto earlier = samples.id({0});
  replay_run run;
  run.id = samples.id({0});
  auto later = samples.id({0});
  auto x = record(earlier, job_status::failed, true);
  CHECK(fate_of(x, true, run) == letter_fate::replay);
  CHECK(fate_of(x, false, run) == letter_fate::skip);
  x.error = failure{errc::poison, ""};
  CHECK(fate_of(x, true, run) == letter_fate::skip);
  x.letter = letter_state::dropped;
  CHECK(fate_of(x, true, run) == letter_fate::skip);
  x.letter = letter_state::replayed;
  CHECK(fate_of(x, true, run) == letter_fate::skip);
  x.replayed_as = earlier;
  CHECK(fate_of(x, true, run) == letter_fate::skip);
  x.replayed_as = later;
  CHECK(fate_of(x, true, run) == letter_fate::mine);
  CHECK(fate_of(record(earlier, job_status::completed), true, run)
        == letter_fate::skip);
}

TEST_CASE("only what the queue may take later is deferred", "[runtime][dlq]") {
  CHECK(may_pass(errc::queue_full));
  CHECK(may_pass(errc::draining));
  CHECK_FALSE(may_pass(errc::not_found));
  CHECK_FALSE(may_pass(errc::validation_failed));
}

TEST_CASE("an empty page with more behind it is no end", "[runtime][dlq]") {
  replay_plan plan{replay_run{}};
  (void)plan.next(t0);
  plan.listed({}, some_ids(1)[0]);
  CHECK(std::holds_alternative<replay_plan::list_letters>(plan.next(t0)));
  plan.listed({}, std::nullopt);
  (void)plan.next(t0);
  CHECK(plan.run().status == run_status::completed);
}

TEST_CASE("a busy queue slows the run down, success speeds it up again",
          "[runtime][dlq]") {
  auto ids = some_ids(200);
  replay_plan plan{of_ids(ids, 100)};
  auto now = t0;
  REQUIRE(letter_of(plan.next(now)) == ids[0]);
  plan.deferred(ids[0], 3s, now);
  CHECK(std::get<replay_plan::idle>(plan.next(now)).until == now + 3s);
  now += 3s;
  // The same letter, at half the rate.
  REQUIRE(letter_of(plan.next(now)) == ids[0]);
  plan.deferred(ids[0], 0s, now);
  auto until = std::get<replay_plan::idle>(plan.next(now)).until;
  CHECK(*until - now >= 40ms);
  CHECK(plan.run().counts.deferred == 2);
  for (int i = 0; i < 50; ++i) {
    now += 1s;
    REQUIRE(letter_of(plan.next(now)) == ids[0]);
    plan.deferred(ids[0], -5s, now);
  }
  // At most 64 times slower.
  CHECK(*std::get<replay_plan::idle>(plan.next(now)).until - now <= 640ms);
  for (size_t i = 0; i < 150; ++i) {
    now += 1s;
    REQUIRE(letter_of(plan.next(now)) == ids[i]);
    plan.replayed(ids[i], twin(ids[i]));
    plan.ended(record(twin(ids[i]), job_status::completed));
  }
  CHECK(*std::get<replay_plan::idle>(plan.next(now)).until - now <= 20ms);
}

TEST_CASE("a long sleep earns no burst", "[runtime][dlq]") {
  auto ids = some_ids(10);
  replay_plan plan{of_ids(ids, 10)};
  REQUIRE(letter_of(plan.next(t0)));
  auto now = t0 + 1h;
  size_t at_once = 0;
  while (letter_of(plan.next(now)))
    ++at_once;
  CHECK(at_once <= 2);
}

TEST_CASE("so many letters are under way, so many replays open, and no more",
          "[runtime][dlq]") {
  auto ids = some_ids(600);
  replay_plan plan{of_ids(ids, 500)};
  auto now = t0;
  std::vector<job_id> asked;
  for (int i = 0; i < 100; ++i, now += 1s)
    if (auto id = letter_of(plan.next(now)))
      asked.push_back(*id);
  CHECK(asked.size() == replay_plan::asked_max);
  for (int i = 0; i < 1000; ++i, now += 1s) {
    for (auto id : asked)
      plan.replayed(id, twin(id));
    asked.clear();
    while (auto id = letter_of(plan.next(now)))
      asked.push_back(*id);
  }
  CHECK(plan.run().open.size() == replay_plan::open_max);
}

TEST_CASE("steering is idempotent", "[runtime][dlq]") {
  auto ids = some_ids(2);
  replay_plan plan{of_ids(ids)};
  CHECK_FALSE(plan.resume());
  CHECK(plan.pause());
  CHECK_FALSE(plan.pause());
  CHECK_FALSE(letter_of(plan.next(t0)));
  CHECK(plan.resume());
  CHECK(letter_of(plan.next(t0)) == ids[0]);
  CHECK(plan.cancel());
  CHECK_FALSE(plan.cancel());
  CHECK_FALSE(plan.resume());
  CHECK_FALSE(plan.pause());
  CHECK_FALSE(letter_of(plan.next(t0 + 1h)));
  // The letter that was under way still counts.
  plan.replayed(ids[0], twin(ids[0]));
  CHECK(plan.run().counts.submitted == 1);
  CHECK(plan.run().waiting.empty());
}

TEST_CASE("a rate is within its bounds and takes effect at once",
          "[runtime][dlq]") {
  auto ids = some_ids(3);
  replay_plan plan{of_ids(ids, 0.1)};
  for (double wrong : {0.0, -1.0, 0.09, 500.1, std::nan(""),
                       std::numeric_limits<double>::infinity()})
    CHECK_FALSE(plan.set_rate(wrong, t0));
  CHECK_FALSE(plan.set_rate(0.1, t0));
  REQUIRE(letter_of(plan.next(t0)));
  REQUIRE(letter_of(plan.next(t0 + 10s)));
  CHECK_FALSE(letter_of(plan.next(t0 + 11s)));
  CHECK(plan.set_rate(500, t0 + 11s));
  CHECK(letter_of(plan.next(t0 + 11s + 2ms)));
}

TEST_CASE("reports about letters that nobody asked for change nothing",
          "[runtime][dlq]") {
  auto ids = some_ids(2);
  replay_plan plan{of_ids({ids[0]})};
  auto before = plan.run();
  plan.replayed(ids[1], twin(ids[1]));
  plan.skipped(ids[1]);
  plan.deferred(ids[1], 1s, t0);
  plan.listed({ids[1]}, std::nullopt);
  plan.ended(record(ids[1], job_status::completed));
  CHECK(plan.run() == before);
}

TEST_CASE("a run that is cut off anywhere replays each letter once",
          "[runtime][dlq]") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    seeded_rng random{seed};
    auto ids = some_ids(1 + random.below(250), seed);
    std::map<job_id, int> became; // What the shards know, durably.
    replay_run start;
    start.rate_per_s = 500;
    auto kept = start;
    replay_plan plan{start};
    auto now = t0;
    for (int i = 0; i < 20'000 && !has_ended(plan.run().status); ++i) {
      if (random.below(50) == 0)
        kept = plan.run(); // At any other moment, too.
      if (random.below(500) == 0) {
        plan = replay_plan{kept}; // kill -9
        now += 1s;
      }
      auto step = plan.next(now);
      if (auto letter = letter_of(step)) {
        if (random.below(5) == 0) {
          plan.deferred(*letter, duration{0}, now);
          continue;
        }
        // A second request for a letter finds its job.
        became[*letter] = 1;
        plan.replayed(*letter, twin(*letter));
      } else if (auto* list = std::get_if<replay_plan::list_letters>(&step)) {
        auto from = plan.run().after ? std::upper_bound(ids.begin(), ids.end(),
                                                        *plan.run().after)
                                     : ids.begin();
        auto n = std::min<size_t>(list->query.limit,
                                  static_cast<size_t>(ids.end() - from));
        std::vector<job_id> page{from, from + static_cast<ptrdiff_t>(n)};
        // Letters that are settled are not listed.
        std::erase_if(page, [&](job_id x) { return became.contains(x); });
        std::optional<job_id> next;
        if (from + static_cast<ptrdiff_t>(n) != ids.end())
          next = *(from + static_cast<ptrdiff_t>(n) - 1);
        plan.listed(page, next);
        kept = plan.run(); // Before anything of the page is replayed.
      } else {
        if (!plan.run().open.empty())
          plan.ended(record(plan.run().open.front(), job_status::completed));
        now += 5ms;
      }
    }
    CHECK(plan.run().status == run_status::completed);
    CHECK(became.size() == ids.size());
    CHECK(plan.run().counts.matched == ids.size());
    CHECK(plan.run().counts.submitted == ids.size());
    CHECK(plan.run().counts.completed == ids.size());
  }
}
