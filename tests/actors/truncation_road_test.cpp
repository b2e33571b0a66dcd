// Jobs that get less than they asked for, through the real actors on virtual
// time: chats whose oldest turns are dropped, answers capped by load.
#include "models/simulated_engine.hpp"
#include "tests/support/virtual_node.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

using namespace troupe;
using namespace std::chrono_literals;
using runtime::degradation_kind;
using runtime::job_status;

namespace {

struct fixture {
  explicit fixture(runtime::queue_rules with = {}, uint32_t context = 64) {
    models::simulated_config config{.service = models::service_kind::constant,
                                    .median_s = 0.2,
                                    .p95_s = 0.2,
                                    .tokens = 20,
                                    .seed = 1,
                                    .slots = 1,
                                    .context_length = context};
    options.tree.shards = 2;
    options.tree.models.push_back(
      {.name = "sim",
       .kind = "simulated",
       .tasks = {runtime::task_kind::chat},
       .make_engine = [config] {
         return std::make_unique<models::simulated_engine>(config);
       }});
    options.tree.shard.rules =
      std::make_shared<runtime::queue_rules>(std::move(with));
    node = std::make_unique<tests::virtual_node>(store, options);
    node->settle();
  }
  /// A system message and `turns` of a user, of so many bytes each.
  runtime::job_spec chat(size_t system, size_t turns, size_t bytes) {
    runtime::job_spec s;
    s.model = "sim";
    s.truncation_auto = true;
    s.messages.push_back({"system", std::string(system, 's')});
    for (size_t i = 0; i < turns; ++i)
      s.messages.push_back({"user", std::string(bytes, char('a' + i))});
    return s;
  }
  template <class Answer>
  const Answer* submit(runtime::job_spec s) {
    auto to = node->ticket();
    node->port().submit(std::move(s), {}, to);
    node->settle();
    return node->sink().last<Answer>(to.ticket);
  }
  runtime::job_record get(runtime::job_id id) {
    auto to = node->ticket();
    node->port().get(id, "default", std::nullopt, to);
    node->settle();
    const auto* found = node->sink().last<runtime::job_snapshot>(to.ticket);
    REQUIRE(found != nullptr);
    return found->job.record;
  }
  runtime::job_record run(runtime::job_spec s) {
    const auto* ok = submit<runtime::job_accepted>(std::move(s));
    REQUIRE(ok != nullptr);
    auto id = ok->job.record.id;
    REQUIRE(node->run_until([&] { return is_terminal(get(id).status); }, 60s));
    return get(id);
  }
  size_t degraded_events(runtime::job_id id) {
    auto events = store.events(id, 0, 1000);
    REQUIRE(events.has_value());
    return static_cast<size_t>(
      std::count_if(events->begin(), events->end(), [](const auto& e) {
        return std::holds_alternative<runtime::job_degraded>(e.body);
      }));
  }

  runtime::memory_store store;
  tests::virtual_node_options options;
  std::unique_ptr<tests::virtual_node> node;
};

} // namespace

TEST_CASE("a chat too long for its model loses its oldest turns, for the "
          "engine only",
          "[actors][truncation]") {
  fixture f;
  auto chat = f.chat(40, 5, 80); // 110 tokens for a context of 64.
  chat.params.max_output_tokens = 10;
  chat.simulate.emplace().tokens = 8;
  auto record = f.run(chat);
  CHECK(record.status == job_status::completed);
  REQUIRE(record.degradations.size() == 1);
  CHECK(record.degradations[0].kind == degradation_kind::context);
  CHECK(record.degradations[0].from == "110");
  CHECK(record.degradations[0].to == "54");
  CHECK(f.degraded_events(record.id) == 1);
  // The system message and two turns, as this engine counts: roles, too.
  CHECK(record.usage.input_tokens == (40 + 6 + 2 * (80 + 4) + 3) / 4);
  auto stored = f.store.spec(record.id);
  REQUIRE(stored.has_value());
  CHECK(stored->messages == chat.messages);
}

TEST_CASE("a chat that only its engine finds too long is shortened and tried "
          "again, uncharged",
          "[actors][truncation]") {
  fixture f;
  auto record = f.run(f.chat(32, 4, 64)); // 72 tokens as estimated.
  CHECK(record.status == job_status::completed);
  REQUIRE(record.degradations.size() == 1);
  CHECK(record.degradations[0].kind == degradation_kind::context);
  CHECK(record.degradations[0].from == "72");
  CHECK(record.degradations[0].to == "53");
  CHECK(record.attempt == 2);
  CHECK(record.charged == 0);
  CHECK(record.usage.input_tokens < 64);
  CHECK(f.degraded_events(record.id) == 1);
}

TEST_CASE("nothing is dropped from who did not ask, forbids it, or has but one "
          "turn",
          "[actors][truncation]") {
  fixture f;
  auto chat = f.chat(40, 5, 80);
  switch (GENERATE(0, 1, 2)) {
    case 0:
      chat.truncation_auto = false;
      break;
    case 1:
      chat.may_degrade = false;
      break;
    default:
      chat = f.chat(0, 1, 440);
  }
  const auto* no = f.submit<runtime::refused>(chat);
  REQUIRE(no != nullptr);
  CHECK(no->why.code == runtime::errc::context_too_long);
}

TEST_CASE("an engine's refusal is final when no turn is left to drop",
          "[actors][truncation]") {
  fixture f;
  auto record = f.run(f.chat(0, 1, 280)); // 70 tokens, all in the last turn.
  CHECK(record.status == job_status::failed);
  CHECK(record.error->code == runtime::errc::context_too_long);
  CHECK(record.degradations.empty());
}

TEST_CASE("while a model is crowded, answers without a limit get one",
          "[actors][load]") {
  runtime::queue_rules rules;
  rules.classes["standard"].backlog_limit = 12s; // Crowded at 6 s.
  fixture f{rules, 0};
  runtime::job_spec one;
  one.model = "sim";
  one.text = "x";
  one.simulate.emplace().service_s = 1;
  one.simulate->predicted_s = 1;
  one.simulate->tokens = 1000;
  for (int i = 0; i < 11; ++i)
    REQUIRE(f.submit<runtime::job_accepted>(one) != nullptr);
  f.node->advance(3s);
  auto urgent = one;
  urgent.tier = runtime::service_tier::priority;
  CHECK(f.run(urgent).degradations.empty());
  auto own = one;
  own.params.max_output_tokens = 600;
  const auto* as_asked = f.submit<runtime::job_accepted>(own);
  REQUIRE(as_asked != nullptr);
  CHECK(as_asked->job.record.degradations.empty());
  auto capped = f.run(one);
  REQUIRE(capped.degradations.size() == 1);
  CHECK(capped.degradations[0].kind == degradation_kind::output_limit);
  CHECK(capped.degradations[0].to == "512");
  CHECK(capped.usage.output_tokens == 512);
  CHECK(f.degraded_events(capped.id) == 1);
  // With the queue empty for long enough nobody is capped any more.
  f.node->advance(60s);
  auto calm = f.run(one);
  CHECK(calm.degradations.empty());
  CHECK(calm.usage.output_tokens == 1000);
}
