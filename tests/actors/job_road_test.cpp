// The road of a job through the real actors, on virtual time.
#include "models/simulated_engine.hpp"
#include "tests/support/virtual_node.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <variant>

using namespace troupe;
using namespace std::chrono_literals;
using runtime::job_status;

namespace {

cluster::tree_model simulated(const std::string& name, uint32_t slots,
                              uint32_t context_length = 0) {
  models::simulated_config config{.service = models::service_kind::constant,
                                  .median_s = 0.2,
                                  .p95_s = 0.2,
                                  .tokens = 20,
                                  .seed = 1,
                                  .slots = slots,
                                  .context_length = context_length};
  return {.name = name,
          .kind = "simulated",
          .tasks = {runtime::task_kind::chat},
          .make_engine = [config] {
            return std::make_unique<models::simulated_engine>(config);
          }};
}

struct fixture {
  explicit fixture(uint32_t slots = 2, size_t workers = 1) {
    auto model = simulated("sim", slots);
    model.workers = workers;
    options.tree.shards = 4;
    options.tree.models.push_back(std::move(model));
    restart();
  }
  /// Two models; jobs of the first may go to the second, which costs a tenth
  /// and has no limit of context. The first takes 64 tokens.
  fixture(const std::string& from, const std::string& to) {
    options.tree.shards = 4;
    auto first = simulated(from, 1, 64);
    first.prior = {.service = {.base_s = 0, .output_token_s = 0.1}};
    auto second = simulated(to, 1);
    second.prior = {.service = {.base_s = 0, .output_token_s = 0.01}};
    options.tree.models = {first, second};
    auto rules = std::make_shared<runtime::queue_rules>();
    rules->fallbacks[from] = {to};
    options.tree.shard.rules = rules;
    restart();
  }
  void restart() {
    auto start = node ? node->clock().now : runtime::mono_time{1h};
    node.reset();
    node = std::make_unique<tests::virtual_node>(store, options, start);
    node->settle();
  }
  runtime::job_spec spec(std::string text = "Package: foo") {
    runtime::job_spec s;
    s.model = "sim";
    s.text = std::move(text);
    return s;
  }
  runtime::job_id submit(runtime::job_spec s,
                         gateway::submit_options how = {}) {
    auto to = node->ticket();
    node->port().submit(std::move(s), std::move(how), to);
    node->settle();
    const auto* ok = node->sink().last<runtime::job_accepted>(to.ticket);
    REQUIRE(ok != nullptr);
    return ok->job.record.id;
  }
  runtime::errc refusal(runtime::job_spec s) {
    auto to = node->ticket();
    node->port().submit(std::move(s), {}, to);
    node->settle();
    const auto* no = node->sink().last<runtime::refused>(to.ticket);
    REQUIRE(no != nullptr);
    return no->why.code;
  }
  runtime::job_record get(runtime::job_id id) {
    auto to = node->ticket();
    node->port().get(id, "default", std::nullopt, to);
    node->settle();
    const auto* snapshot = node->sink().last<runtime::job_snapshot>(to.ticket);
    REQUIRE(snapshot != nullptr);
    return snapshot->job.record;
  }
  void pass(runtime::duration time) {
    node->run_until([] { return false; }, time);
  }
  bool run_to_end(runtime::job_id id, runtime::duration limit = 60s) {
    return node->run_until([&] { return is_terminal(get(id).status); }, limit);
  }
  std::string streamed(const std::vector<runtime::event>& events) {
    std::string text;
    for (const auto& e : events) {
      if (const auto* d = std::get_if<runtime::output_delta>(&e.body))
        text += d->text;
      if (const auto* r = std::get_if<runtime::output_reset>(&e.body))
        text.resize(r->from_offset);
    }
    return text;
  }

  runtime::memory_store store;
  tests::virtual_node_options options;
  std::unique_ptr<tests::virtual_node> node;
};

} // namespace

TEST_CASE("a job is accepted, runs and completes with its whole story",
          "[actors][job]") {
  fixture f;
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
  fixture f;
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
  fixture f{1};
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
  fixture f;
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
  fixture f{1};
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
  fixture f;
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
  fixture f;
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
  fixture f{1};
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
  fixture f{1};
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
  fixture f{1};
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
    fixture f{"slow", "quick"};
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
  fixture f{"short", "long"};
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
  fixture f{8};
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
  fixture f;
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

TEST_CASE("a short job does not wait for a long one, which goes on afterwards",
          "[actors][preemption]") {
  fixture x{1};
  auto long_spec = x.spec();
  long_spec.simulate =
    runtime::simulate_params{.service_s = 20, .tokens = 200, .predicted_s = 20};
  auto long_id = x.submit(long_spec);
  x.pass(5s);
  REQUIRE(x.get(long_id).status == job_status::in_progress);
  auto brief = x.spec();
  brief.simulate =
    runtime::simulate_params{.service_s = 0.1, .tokens = 2, .predicted_s = 0.1};
  auto before = x.node->clock().now;
  auto brief_id = x.submit(brief);
  REQUIRE(x.run_to_end(brief_id));
  CHECK(x.get(brief_id).status == job_status::completed);
  CHECK(x.node->clock().now - before < 1s);
  auto during = x.get(long_id);
  CHECK(during.status == job_status::in_progress); // As if nothing had been.
  CHECK(during.attempt == 1);
  REQUIRE(x.run_to_end(long_id));
  auto after = x.get(long_id);
  CHECK(after.status == job_status::completed);
  CHECK(after.attempt == 1);
  CHECK(after.usage.output_tokens == 200);
  // Its compute is what it had of the slot, without the pause.
  CHECK(after.timing.compute_us > 19'900'000);
  CHECK(after.timing.compute_us < 20'060'000);
}

TEST_CASE("a job ends as it should although its attempt is parked",
          "[actors][preemption]") {
  auto how = GENERATE(0, 1, 2);
  CAPTURE(how);
  fixture x{1};
  auto long_spec = x.spec();
  long_spec.simulate =
    runtime::simulate_params{.service_s = 20, .tokens = 200, .predicted_s = 20};
  if (how == 1)
    long_spec.deadline.total_timeout = 8s;
  auto long_id = x.submit(long_spec);
  x.pass(5s);
  std::vector<runtime::job_id> others;
  auto next = x.spec();
  next.simulate =
    runtime::simulate_params{.service_s = 6, .tokens = 6, .predicted_s = 0.5};
  others.push_back(x.submit(next));
  x.pass(1s);
  if (how == 0) {
    auto to = x.node->ticket();
    x.node->port().cancel(long_id, "default", "no more", to);
    x.node->settle();
    CHECK(x.get(long_id).status == job_status::cancelled);
  } else if (how == 1) {
    REQUIRE(x.run_to_end(long_id, 4s));
    CHECK(x.get(long_id).status == job_status::incomplete);
    CHECK(x.get(long_id).finish == runtime::finish_reason::deadline);
  } else {
    x.restart(); // Both are lost with the node, and go on.
    REQUIRE(x.run_to_end(long_id, 60s));
    CHECK(x.get(long_id).status == job_status::completed);
    CHECK(x.get(long_id).usage.output_tokens == 200);
  }
  for (auto id : others) {
    REQUIRE(x.run_to_end(id));
    CHECK(x.get(id).status == job_status::completed);
  }
  // The slot is free for whoever comes.
  auto last = x.submit(x.spec());
  REQUIRE(x.run_to_end(last, 2s));
}

TEST_CASE("a running job that would end too late goes on at a faster model",
          "[actors][ladder][cutover]") {
  auto action = GENERATE(runtime::deadline_action::cutover,
                         runtime::deadline_action::partial);
  fixture x{"slow", "swift"};
  auto spec = x.spec();
  spec.model = "slow";
  spec.params.max_output_tokens = 40;
  // It said it would be quick, and is not.
  spec.simulate =
    runtime::simulate_params{.service_s = 20, .tokens = 40, .predicted_s = 1};
  spec.deadline = {.total_timeout = 8s, .action = action};
  auto id = x.submit(spec);
  REQUIRE(x.run_to_end(id, 30s));
  auto record = x.get(id);
  CHECK(record.status
        == (action == runtime::deadline_action::cutover
              ? job_status::completed
              : job_status::incomplete));
  if (action == runtime::deadline_action::partial) {
    CHECK(record.degradations.empty());
    return;
  }
  REQUIRE(record.degradations.size() == 1);
  const auto& down = record.degradations.front();
  CHECK(down.kind == runtime::degradation_kind::model);
  CHECK(down.from == "slow");
  CHECK(down.to == "swift");
  CHECK(down.at_offset > 0); // It had written something.
  CHECK(record.model_used == "swift");
  CHECK(record.attempt == 2);
  CHECK(record.usage.output_tokens == 40);
}
