#include "runtime/job_machine.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

constexpr wall_time t0{std::chrono::hours{500'000}};

job_machine fresh(void (*change)(job_spec&) = nullptr) {
  seeded_rng random{1};
  job_spec spec;
  spec.model = "m";
  spec.id = job_id::make(t0, shard_id{1}, random);
  if (change != nullptr)
    change(spec);
  auto record = make_record(spec);
  record.next_seq = 2;
  return job_machine{record};
}

attempt_start lease(const job_machine& m, bool continues = true) {
  const auto& r = m.record();
  return {.id = {r.id, 1, r.attempt + 1},
          .model = "m",
          .worker = "m/0@a",
          .continues_prefix = continues};
}

template <class Body>
const Body* first(const job_step& step) {
  for (const auto& e : step.events)
    if (const auto* x = std::get_if<Body>(&e.body))
      return x;
  return nullptr;
}

} // namespace

TEST_CASE(
  "a step down the ladder is an event, a line in the record, and a move",
  "[runtime][job][ladder]") {
  auto m = fresh();
  auto step =
    m.degrade({.kind = degradation_kind::model, .from = "m", .to = "n"},
              {.key = 42}, t0 + 1s);
  REQUIRE(first<job_degraded>(step) != nullptr);
  CHECK(step.requeue.has_value());
  CHECK(m.record().queue() == "n");
  CHECK(m.record().model == "m");
  CHECK(m.record().order_key == 42);
  step =
    m.degrade({.kind = degradation_kind::output_limit, .from = "0", .to = "64"},
              {}, t0 + 1s);
  CHECK_FALSE(step.requeue.has_value());
  CHECK(m.record().forecast.max_output_tokens == 64);
  CHECK(m.record().degradations.size() == 2);
}

TEST_CASE("a full context moves the running attempt with its text",
          "[runtime][job][ladder]") {
  auto m = fresh();
  m.begin(lease(m), t0);
  m.output(m.current(), "abc", 3, t0 + 1s);
  auto stale = m.current();
  ++stale.attempt;
  CHECK(m.cut_over(stale, "n", 1s, t0 + 2s).events.empty());
  auto step = m.cut_over(m.current(), "n", 1s, t0 + 2s);
  REQUIRE(first<job_degraded>(step) != nullptr);
  CHECK(first<job_degraded>(step)->step.at_offset == 3);
  CHECK(step.requeue.has_value());
  CHECK_FALSE(m.running());
  CHECK(m.text() == "abc");
  CHECK(m.record().queue() == "n");
}

TEST_CASE("the three times of a job add up to its life", "[runtime][job]") {
  auto m = fresh();
  m.begin(lease(m), t0 + 100ms);
  m.output(m.current(), "ab", 2, t0 + 200ms);
  auto step = m.finish(
    m.current(), {.finish = finish_reason::stop, .ran = 280ms}, t0 + 400ms);
  REQUIRE(step.terminal);
  const auto& t = m.record().timing;
  CHECK(t.queue_us == 100'000);
  CHECK(t.compute_us == 280'000);
  CHECK(t.delivery_us == 20'000);
  CHECK(m.record().usage.output_tokens == 2);
}

TEST_CASE("what a stale attempt says changes nothing", "[runtime][job]") {
  auto m = fresh();
  m.begin(lease(m), t0);
  auto old = m.current();
  m.lost(old, attempt_loss::node_restarted, {}, t0 + 1ms, 0);
  m.begin(lease(m), t0 + 2ms);
  auto before = m.record();
  CHECK(m.output(old, "x", 1, t0 + 3ms).events.empty());
  CHECK(m.finish(old, {}, t0 + 3ms).events.empty());
  CHECK(m.fail(old, {}, t0 + 3ms).events.empty());
  CHECK(m.lost(old, attempt_loss::model_error, {}, t0 + 3ms, 0).events.empty());
  CHECK(m.record() == before);
}

TEST_CASE("a terminal record never changes", "[runtime][job]") {
  auto m = fresh();
  m.begin(lease(m), t0);
  m.cancel("enough", t0 + 1ms);
  auto end = m.record();
  CHECK(end.status == job_status::cancelled);
  CHECK(m.begin(lease(m), t0 + 2ms).events.empty());
  CHECK(m.output(m.current(), "x", 1, t0 + 2ms).events.empty());
  CHECK(m.finish(m.current(), {}, t0 + 2ms).events.empty());
  CHECK(m.cancel("again", t0 + 2ms).events.empty());
  CHECK(m.expire(t0 + 2ms).events.empty());
  CHECK(m.record() == end);
}

TEST_CASE("text is kept where the engine can continue it, else reset",
          "[runtime][job]") {
  for (bool continues : {true, false}) {
    auto m = fresh();
    m.begin(lease(m), t0);
    m.output(m.current(), "some", 1, t0 + 1ms);
    m.lost(m.current(), attempt_loss::crashed_shared, {}, t0 + 2ms, 0);
    auto step = m.begin(lease(m, continues), t0 + 3ms);
    CHECK((first<output_reset>(step) == nullptr) == continues);
    CHECK(m.text() == (continues ? "some" : ""));
    CHECK(m.text_tokens() == (continues ? 1u : 0u));
  }
}

TEST_CASE("charged failures end the job, shared crashes do not",
          "[runtime][job]") {
  auto m = fresh([](job_spec& s) { s.max_attempts = 2; });
  for (int i = 0; i < 5; ++i) {
    m.begin(lease(m), t0);
    auto step = m.lost(m.current(), attempt_loss::crashed_shared, {}, t0, 0);
    REQUIRE(step.requeue.has_value());
    CHECK(step.requeue->alone);
    CHECK(m.record().suspect);
  }
  m.begin(lease(m), t0);
  CHECK(m.lost(m.current(), attempt_loss::model_error, {}, t0, 0).requeue);
  m.begin(lease(m), t0);
  auto last = m.lost(m.current(), attempt_loss::model_error,
                     {errc::model_error, "no"}, t0, 0);
  CHECK(last.terminal);
  CHECK(m.record().status == job_status::failed);
  CHECK(m.record().dead_letter);
  CHECK(m.record().error->code == errc::model_error);
}

TEST_CASE("two crashes alone are poison", "[runtime][job]") {
  auto m = fresh();
  m.begin(lease(m), t0);
  CHECK(m.lost(m.current(), attempt_loss::crashed_alone, {}, t0, 0).requeue);
  m.begin(lease(m), t0);
  m.lost(m.current(), attempt_loss::crashed_alone, {}, t0, 0);
  CHECK(m.record().error->code == errc::poison);
  CHECK(m.record().dead_letter);
}

TEST_CASE("`never` fails once output exists", "[runtime][job]") {
  auto m = fresh([](job_spec& s) { s.resume = resume_mode::never; });
  m.begin(lease(m), t0);
  CHECK(m.lost(m.current(), attempt_loss::node_restarted, {}, t0, 0).requeue);
  m.begin(lease(m), t0);
  m.output(m.current(), "x", 1, t0);
  m.lost(m.current(), attempt_loss::node_restarted, {errc::worker_lost, "gone"},
         t0, 0);
  CHECK(m.record().status == job_status::failed);
  CHECK_FALSE(m.record().dead_letter);
}

TEST_CASE("the limits end a job as its owner wished", "[runtime][job]") {
  auto waits = fresh();
  waits.expire(t0 + 1s);
  CHECK(waits.record().status == job_status::expired);

  auto partial = fresh();
  partial.begin(lease(partial), t0);
  partial.output(partial.current(), "half", 1, t0);
  auto step = partial.expire(t0 + 1s);
  CHECK(step.stop_attempt);
  CHECK(partial.record().status == job_status::incomplete);
  CHECK(partial.record().finish == finish_reason::deadline);
  CHECK(step.output->text == "half");

  auto strict =
    fresh([](job_spec& s) { s.deadline.action = deadline_action::fail; });
  strict.begin(lease(strict), t0);
  strict.output(strict.current(), "half", 1, t0);
  CHECK(strict.expire(t0 + 1s).stop_attempt);
  CHECK(strict.record().error->code == errc::deadline);
}

TEST_CASE("a restored machine equals the one that wrote its events",
          "[runtime][job]") {
  auto m = fresh();
  std::vector<event> events(2);
  events[0].body = job_created{m.record()};
  events[1].seq = 1;
  events[1].body = job_queued{};
  auto keep = [&](job_step step) {
    events.insert(events.end(), step.events.begin(), step.events.end());
  };
  keep(m.begin(lease(m), t0));
  auto committed = m.record();
  keep(m.output(m.current(), "one ", 1, t0 + 1ms));
  keep(m.output(m.current(), "two", 1, t0 + 2ms));
  auto again = job_machine::restore(committed, events);
  REQUIRE(again.has_value());
  CHECK(again->text() == "one two");
  CHECK(again->text_tokens() == 2);
  CHECK(again->running());
  CHECK(again->record().next_seq == m.record().next_seq);
  CHECK(again->record().output_bytes == 7);
}

TEST_CASE("a history with a hole is refused", "[runtime][job]") {
  auto m = fresh();
  std::vector<event> events(3);
  events[1].seq = 1;
  events[2].seq = 3;
  auto holed = job_machine::restore(m.record(), events);
  REQUIRE_FALSE(holed.has_value());
  CHECK(holed.error().code == errc::corruption);
  auto record = m.record();
  record.next_seq = 9;
  events.resize(2);
  CHECK_FALSE(job_machine::restore(record, events).has_value());
}

TEST_CASE("work is charged at the price of the model, and lost work is not",
          "[runtime][job][tenants]") {
  auto m = fresh();
  auto start = lease(m);
  start.price = 4;
  m.begin(start, t0 + 1s);
  m.lost(m.current(), attempt_loss::crashed_alone, {}, t0 + 6s, 0.5);
  CHECK(m.record().usage.cost == 0);
  start = lease(m);
  start.price = 2;
  m.begin(start, t0 + 10s);
  // To a longer context: what it made stays, and so does what it cost.
  m.cut_over(m.current(), "n", 3s, t0 + 14s);
  CHECK(m.record().usage.cost == 6);
  start = lease(m);
  start.price = 0.5;
  m.begin(start, t0 + 20s);
  m.finish(m.current(), {.output_tokens = 1, .ran = 2s}, t0 + 23s);
  CHECK(m.record().usage.cost == 7);
  CHECK(m.record().timing.compute_us == 10'000'000);
}

TEST_CASE("who stops a job pays for what ran, and nothing if nothing ran",
          "[runtime][job][tenants]") {
  auto waits = fresh();
  waits.cancel("", t0 + 5s);
  CHECK(waits.record().usage.cost == 0);
  auto late = fresh();
  late.expire(t0 + 5s);
  CHECK(late.record().usage.cost == 0);
  for (auto how : {0, 1, 2}) {
    auto m = fresh();
    m.begin(lease(m), t0 + 1s);
    m.output(m.current(), "x", 1, t0 + 2s);
    if (how == 0)
      m.cancel("", t0 + 4s);
    else if (how == 1)
      m.expire(t0 + 4s);
    else
      m.fail(m.current(), {errc::validation_failed, "bad"}, t0 + 4s);
    CHECK(m.record().usage.cost == 3);
  }
  // Dead after its last attempt: nothing was delivered.
  auto dead = fresh([](job_spec& x) { x.max_attempts = 1; });
  dead.begin(lease(dead), t0 + 1s);
  dead.lost(dead.current(), attempt_loss::model_error, {}, t0 + 9s, 0.5);
  CHECK(dead.terminal());
  CHECK(dead.record().usage.cost == 0);
}
