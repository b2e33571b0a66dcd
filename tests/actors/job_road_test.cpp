// The road of a job through the real actors, on virtual time.
#include "tests/actors/road_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <variant>

using namespace troupe;
using namespace std::chrono_literals;
using runtime::job_status;
using tests::road_fixture;

TEST_CASE("a job is accepted, runs and completes with its whole story",
          "[actors][job]") {
  road_fixture f;
  auto id = f.submit(f.spec());
  CHECK(f.store.record(id).has_value());
  REQUIRE(f.run_to_end(id));
  auto record = f.get(id);
  CHECK(record.status == job_status::completed);
  CHECK(record.usage.output_tokens == 20);
  CHECK(record.attempt == 1);
  CHECK(record.timing.compute_us >= 200'000);
  auto events = f.store.events(id, 0, 1000);
  REQUIRE(events.has_value());
  REQUIRE(events->size() == record.next_seq);
  for (size_t i = 0; i < events->size(); ++i)
    CHECK((*events)[i].seq == i);
  CHECK(std::holds_alternative<runtime::job_ended>(events->back().body));
  auto output = f.store.output(id);
  REQUIRE(output.has_value());
  CHECK(output->text == f.streamed(*events));
  CHECK(f.node->env().board.live_jobs == 0);
}

TEST_CASE("a watcher sees every event once, in order", "[actors][watch]") {
  road_fixture f;
  auto id = f.submit(f.spec());
  auto to = f.node->ticket();
  f.node->port().watch(id, "default", to);
  f.node->settle();
  const auto* opened = f.node->sink().last<runtime::watch_opened>(to.ticket);
  REQUIRE(opened != nullptr);
  auto next = opened->next_seq;
  REQUIRE(f.run_to_end(id));
  for (const auto& body : f.node->sink().of(to.ticket))
    if (const auto* batch = std::get_if<runtime::job_events>(&body))
      for (const auto& e : *batch->events)
        CHECK(e.seq == next++);
  CHECK(next == f.get(id).next_seq);
}

TEST_CASE("a cancelled job starts no attempt and frees its slot",
          "[actors][cancel]") {
  road_fixture f{1};
  auto first = f.submit(f.spec());
  f.node->advance(50ms);
  auto second = f.submit(f.spec());
  auto to = f.node->ticket();
  f.node->port().cancel(first, "default", "user left", to);
  f.node->settle();
  const auto* snapshot = f.node->sink().last<runtime::job_snapshot>(to.ticket);
  REQUIRE(snapshot != nullptr);
  CHECK(snapshot->job.record.status == job_status::cancelled);
  REQUIRE(f.run_to_end(second));
  CHECK(f.get(second).status == job_status::completed);
  CHECK(f.get(first).status == job_status::cancelled);
}

TEST_CASE("an engine crash in mid-generation continues from the text streamed",
          "[actors][recovery]") {
  road_fixture f;
  auto plain = f.submit(f.spec());
  REQUIRE(f.run_to_end(plain));
  auto crashing = f.spec("Package: deadly");
  crashing.simulate = runtime::simulate_params{};
  crashing.simulate->fail_at_token = 7;
  crashing.simulate->crash = true;
  auto id = f.submit(crashing);
  REQUIRE(f.run_to_end(id));
  auto record = f.get(id);
  // Whoever crashes the engine alone twice is poison.
  CHECK(record.status == job_status::failed);
  CHECK(record.dead_letter);
  CHECK(record.error->code == runtime::errc::poison);
  // Its input is refused for an hour, on a restarted node, too.
  CHECK(f.refusal(f.spec("Package: deadly"))
        == runtime::errc::quarantined_input);
  f.restart();
  CHECK(f.refusal(f.spec("Package: deadly"))
        == runtime::errc::quarantined_input);
  f.node->advance(61min);
  auto again = f.submit(f.spec("Package: deadly"));
  REQUIRE(f.run_to_end(again));
  CHECK(f.get(again).status == job_status::completed);
  // The model serves again.
  auto after = f.submit(f.spec());
  REQUIRE(f.run_to_end(after));
  CHECK(f.get(after).status == job_status::completed);
}

TEST_CASE("a restarted node continues what ran and keeps what waited",
          "[actors][recovery]") {
  road_fixture f{1};
  auto running = f.submit(f.spec());
  auto waiting = f.submit(f.spec());
  f.node->advance(100ms);
  CHECK(f.get(running).status == job_status::in_progress);
  auto before = f.store.events(running, 0, 1000);
  REQUIRE(before.has_value());
  auto text = f.streamed(*before);
  CHECK(!text.empty());
  f.restart();
  REQUIRE(f.run_to_end(running));
  REQUIRE(f.run_to_end(waiting));
  auto record = f.get(running);
  CHECK(record.status == job_status::completed);
  CHECK(record.attempt == 2);
  auto events = f.store.events(running, 0, 1000);
  REQUIRE(events.has_value());
  CHECK(f.streamed(*events).starts_with(text));
  CHECK(record.usage.output_tokens == 20);
  for (const auto& e : *events)
    CHECK(!std::holds_alternative<runtime::output_reset>(e.body));
  CHECK(f.get(waiting).status == job_status::completed);
}

TEST_CASE("another tenant's job does not exist", "[actors][tenant]") {
  road_fixture f;
  auto id = f.submit(f.spec());
  for (bool finished : {false, true}) {
    if (finished)
      REQUIRE(f.run_to_end(id));
    auto to = f.node->ticket();
    f.node->port().get(id, "other", std::nullopt, to);
    f.node->port().watch(id, "other", to);
    f.node->port().cancel(id, "other", "", to);
    f.node->port().read_events(id, "other", 0, 10, to);
    f.node->port().read_output(id, "other", to);
    f.node->settle();
    const auto& answers = f.node->sink().of(to.ticket);
    REQUIRE(answers.size() == 5);
    for (const auto& body : answers) {
      const auto* no = std::get_if<runtime::refused>(&body);
      REQUIRE(no != nullptr);
      CHECK(no->why.code == runtime::errc::not_found);
    }
  }
}

TEST_CASE("one idempotency key makes one job", "[actors][idempotency]") {
  road_fixture f;
  gateway::submit_options how{.idempotency_key = std::string(32, 'k'),
                              .fingerprint = std::string(32, 'f')};
  auto a = f.node->ticket();
  auto b = f.node->ticket();
  f.node->port().submit(f.spec(), how, a);
  f.node->port().submit(f.spec(), how, b);
  f.node->settle();
  auto id = f.node->sink().last<runtime::job_accepted>(a.ticket)->job.record.id;
  const auto* repeat = f.node->sink().last<runtime::job_accepted>(b.ticket);
  if (repeat != nullptr) {
    CHECK(repeat->replayed);
    CHECK(repeat->job.record.id == id);
  } else {
    const auto* no = f.node->sink().last<runtime::refused>(b.ticket);
    REQUIRE(no != nullptr);
    CHECK(no->why.code == runtime::errc::idempotency_in_progress);
  }
  REQUIRE(f.run_to_end(id));
  f.restart();
  CHECK(f.submit(f.spec(), how) == id);
  auto other = f.node->ticket();
  how.fingerprint = std::string(32, 'x');
  f.node->port().submit(f.spec(), how, other);
  f.node->settle();
  const auto* no = f.node->sink().last<runtime::refused>(other.ticket);
  REQUIRE(no != nullptr);
  CHECK(no->why.code == runtime::errc::idempotency_mismatch);
}

TEST_CASE("a start limit expires what waits and spares what runs",
          "[actors][deadline]") {
  road_fixture f{1};
  auto limited = f.spec();
  limited.deadline.start_timeout = 100ms;
  auto runs = f.submit(limited);
  auto waits = f.submit(limited);
  f.node->advance(99ms);
  CHECK(f.get(waits).status == job_status::queued);
  REQUIRE(f.run_to_end(waits, 1s));
  CHECK(f.get(waits).status == job_status::expired);
  REQUIRE(f.run_to_end(runs));
  CHECK(f.get(runs).status == job_status::completed);
}

TEST_CASE("the total limit turns a running job into a partial result",
          "[actors][deadline]") {
  road_fixture f{1};
  auto limited = f.spec();
  limited.deadline.total_timeout = 100ms;
  auto id = f.submit(limited);
  REQUIRE(f.run_to_end(id));
  auto record = f.get(id);
  CHECK(record.status == job_status::incomplete);
  CHECK(record.finish == runtime::finish_reason::deadline);
  CHECK(record.usage.output_tokens > 0);
  CHECK(record.usage.output_tokens < 20);
  auto next = f.submit(f.spec());
  REQUIRE(f.run_to_end(next));
}

TEST_CASE("a job that cannot end in time is shed at once, not at its limit",
          "[actors][ladder]") {
  road_fixture f{1};
  f.options.tree.dispatch.preemption.enabled = false; // It would pass.
  f.restart();
  auto longer = f.spec();
  longer.simulate = runtime::simulate_params{};
  longer.simulate->service_s = 5; // Than anybody foretold.
  auto busy = f.submit(longer);
  auto hopeless = f.spec();
  hopeless.simulate = runtime::simulate_params{};
  hopeless.simulate->service_s = 8;
  hopeless.simulate->predicted_s = 8;
  hopeless.deadline.total_timeout = 10s;
  hopeless.deadline.action = runtime::deadline_action::fail;
  auto id = f.submit(hopeless);
  REQUIRE(f.run_to_end(id, 3s));
  auto record = f.get(id);
  CHECK(record.status == job_status::expired);
  REQUIRE(record.error.has_value());
  CHECK(record.error->context == "deadline_unmeetable");
  CHECK(record.attempt == 0);
  REQUIRE(f.run_to_end(busy, 5s));
  // With nothing before it, it is known at the door.
  hopeless.simulate->predicted_s = 60;
  CHECK(f.refusal(hopeless) == runtime::errc::deadline_unmeetable);
}

TEST_CASE("a job that is late here goes to a faster model, which says so",
          "[actors][ladder]") {
  for (bool forbids : {false, true}) {
    road_fixture f{"slow", "quick"};
    auto late = f.spec();
    late.model = "slow";
    late.simulate = runtime::simulate_params{};
    late.simulate->service_s = 0.5;
    late.simulate->predicted_s = 30;
    late.deadline.total_timeout = 10s;
    late.may_degrade = !forbids;
    late.deadline.action = runtime::deadline_action::fail;
    if (forbids) {
      CHECK(f.refusal(late) == runtime::errc::deadline_unmeetable);
      continue;
    }
    auto id = f.submit(late);
    REQUIRE(f.run_to_end(id, 11s));
    auto record = f.get(id);
    CHECK(record.status == job_status::completed);
    CHECK(record.model == "slow");
    CHECK(record.model_used == "quick");
    REQUIRE(record.degradations.size() == 1);
    CHECK(record.degradations[0].kind == runtime::degradation_kind::model);
  }
}

TEST_CASE(
  "what fills its context goes on in a longer one, before or in the middle",
  "[actors][ladder]") {
  // Of 64 tokens: too long as it comes; with 14 for 20 of output.
  auto length = GENERATE(size_t{100}, size_t{50});
  road_fixture f{"short", "long"};
  auto wordy = f.spec();
  wordy.model = "short";
  wordy.text = std::string(4 * length, 'x');
  auto id = f.submit(wordy);
  REQUIRE(f.run_to_end(id, 5s));
  auto record = f.get(id);
  CHECK(record.status == job_status::completed);
  CHECK(record.model_used == "long");
  REQUIRE(record.degradations.size() == 1);
  CHECK((record.degradations[0].at_offset > 0) == (length == 50));
  CHECK(record.usage.output_tokens == 20);
  CHECK(record.degradations[0].kind
        == runtime::degradation_kind::longer_context);
}

TEST_CASE("a crash beside a mate ends as poison and spares the mate",
          "[actors][recovery]") {
  road_fixture f{8};
  auto slow = f.spec();
  slow.simulate = runtime::simulate_params{};
  slow.simulate->service_s = 3.0;
  auto mate = f.submit(slow);
  auto crashing = f.spec("Package: deadly");
  crashing.simulate = runtime::simulate_params{};
  crashing.simulate->crash = true;
  auto poison = f.submit(crashing);
  REQUIRE(f.run_to_end(mate, 2min));
  CHECK(f.get(mate).status == job_status::completed);
  REQUIRE(f.run_to_end(poison, 2min));
  CHECK(f.get(poison).error->code == runtime::errc::poison);
  auto probe = f.submit(f.spec());
  REQUIRE(f.run_to_end(probe, 2min));
}

TEST_CASE("an ephemeral job runs like any other and never touches the store",
          "[actors][job]") {
  road_fixture f;
  auto before = f.store.contents();
  auto quick = f.spec();
  quick.durable = false;
  auto id = f.submit(quick);
  REQUIRE(f.run_to_end(id));
  auto record = f.get(id);
  CHECK(record.status == job_status::completed);
  CHECK_FALSE(record.durable);
  CHECK(record.usage.output_tokens == 20);
  CHECK(f.store.contents() == before);
  // One that fails is no dead letter: nobody promised to remember it.
  auto failing = quick;
  failing.max_attempts = 1;
  failing.simulate = runtime::simulate_params{};
  failing.simulate->fail_at_token = 1;
  failing.simulate->fail_code = "transient";
  auto lost = f.submit(failing);
  REQUIRE(f.run_to_end(lost));
  CHECK(f.get(lost).status == job_status::failed);
  CHECK_FALSE(f.get(lost).dead_letter);
  CHECK(f.store.contents() == before);
  // A crash of the node ends what is ephemeral, and only that.
  auto slow = f.spec();
  slow.simulate = runtime::simulate_params{};
  slow.simulate->service_s = 5;
  auto durable = f.submit(slow);
  slow.durable = false;
  auto gone = f.submit(slow);
  f.restart();
  REQUIRE(f.run_to_end(durable));
  auto to = f.node->ticket();
  f.node->port().get(gone, "default", std::nullopt, to);
  f.node->settle();
  const auto* no = f.node->sink().last<runtime::refused>(to.ticket);
  REQUIRE(no != nullptr);
  CHECK(no->why.code == runtime::errc::not_found);
}
