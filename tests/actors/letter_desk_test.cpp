// Dead letters through the real actors, on virtual time.
#include "models/simulated_engine.hpp"
#include "runtime/dead_letter.hpp"
#include "tests/support/powered_store.hpp"
#include "tests/support/virtual_node.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace troupe;
using namespace std::chrono_literals;
using runtime::job_accepted;
using runtime::job_id;
using runtime::job_snapshot;
using runtime::job_status;
using runtime::letter_state;
using runtime::refused;

namespace {

cluster::tree_model simulated() {
  models::simulated_config config{.service = models::service_kind::constant,
                                  .median_s = 0.2,
                                  .p95_s = 0.2,
                                  .tokens = 20,
                                  .seed = 1,
                                  .slots = 4};
  return {.name = "sim",
          .kind = "simulated",
          .tasks = {runtime::task_kind::chat},
          .make_engine = [config] {
            return std::make_unique<models::simulated_engine>(config);
          }};
}

/// A node whose first job is dead.
struct fixture {
  explicit fixture(uint64_t seed = 1) {
    options.seed = seed;
    options.tree.shards = 4;
    options.tree.models.push_back(simulated());
    restart();
    auto failing = spec();
    failing.simulate = runtime::simulate_params{.fail_at_token = 3};
    failing.max_attempts = 2;
    auto to = node->ticket();
    node->port().submit(failing, {}, to);
    node->settle();
    letter = node->sink().last<job_accepted>(to.ticket)->job.record.id;
    REQUIRE(node->run_until(
      [&] { return is_terminal(store->record(letter)->status); }, 60s));
    REQUIRE(store->record(letter)->dead_letter);
  }
  void restart() {
    auto start = node ? node->clock().now : runtime::mono_time{1h};
    if (node) {
      store->cut_now();
      node.reset();
      store = std::make_unique<tests::powered_store>(store->contents());
    }
    node = std::make_unique<tests::virtual_node>(*store, options, start);
    node->settle();
  }
  static runtime::job_spec spec() {
    runtime::job_spec s;
    s.model = "sim";
    s.text = "Package: foo";
    return s;
  }
  runtime::sink_ref replay(gateway::submit_options how = {}) {
    auto to = node->ticket();
    auto s = spec();
    s.replay_of = letter;
    node->port().replay_letter(letter, std::move(s), std::move(how), to);
    return to;
  }
  runtime::sink_ref drop() {
    auto to = node->ticket();
    node->port().drop_letter(letter, "default", to);
    return to;
  }
  template <class T>
  const T* answer(runtime::sink_ref to) {
    node->settle();
    return node->sink().last<T>(to.ticket);
  }
  /// Jobs that repeat the letter.
  size_t replays() {
    runtime::job_query all{.filter = {.all_tenants = true}, .limit = 100};
    auto page = store->list(all);
    size_t n = 0;
    for (const auto& x : page->records)
      n += x.replay_of == letter ? 1 : 0;
    return n;
  }

  std::unique_ptr<tests::powered_store> store =
    std::make_unique<tests::powered_store>();
  tests::virtual_node_options options;
  std::unique_ptr<tests::virtual_node> node;
  job_id letter;
};

} // namespace

TEST_CASE("a replay's key commits with it and outlives the power",
          "[actors][dlq]") {
  fixture f;
  const auto key = [](char name, char body) {
    return gateway::submit_options{.idempotency_key = std::string(32, name),
                                   .fingerprint = std::string(32, body)};
  };
  auto to = f.replay(key('k', 'a'));
  const auto* made = f.answer<job_accepted>(to);
  REQUIRE(made != nullptr);
  CHECK_FALSE(made->replayed);
  const auto id = made->job.record.id;
  for (int power_cuts = 0; power_cuts < 2; ++power_cuts) {
    INFO(power_cuts);
    auto again = f.replay(key('k', 'a'));
    const auto* same = f.answer<job_accepted>(again);
    REQUIRE(same != nullptr);
    CHECK(same->replayed);
    CHECK(same->job.record.id == id);
    auto changed = f.replay(key('k', 'b'));
    const auto* no = f.answer<refused>(changed);
    REQUIRE(no != nullptr);
    CHECK(no->why.code == runtime::errc::idempotency_mismatch);
    // Another key: the letter has its replay, which is shown.
    auto late = f.replay(key('l', 'a'));
    const auto* seen = f.answer<job_snapshot>(late);
    REQUIRE(seen != nullptr);
    CHECK(seen->job.record.id == id);
    f.restart();
  }
  CHECK(f.replays() == 1);
}

TEST_CASE("a letter is replayed on its shard and runs to its end",
          "[actors][dlq]") {
  fixture f;
  auto to = f.replay();
  const auto* ok = f.answer<job_accepted>(to);
  REQUIRE(ok != nullptr);
  CHECK_FALSE(ok->replayed);
  auto id = ok->job.record.id;
  CHECK(id.shard() == f.letter.shard());
  CHECK(ok->job.record.replay_of == f.letter);
  auto letter = f.store->record(f.letter).value();
  CHECK(letter.letter == letter_state::replayed);
  CHECK(letter.replayed_as == id);
  CHECK(letter.status == job_status::failed);
  REQUIRE(f.node->run_until(
    [&] { return is_terminal(f.store->record(id)->status); }, 60s));
  CHECK(f.store->record(id)->status == job_status::completed);
  CHECK(f.store->record(id)->replay_of == f.letter);
  CHECK(f.node->env().board.live_jobs == 0);
}

TEST_CASE("whoever comes second gets the first one's job", "[actors][dlq]") {
  fixture f;
  auto first = f.replay();
  f.node->settle();
  auto id = f.answer<job_accepted>(first)->job.record.id;
  auto second = f.replay();
  const auto* again = f.answer<job_accepted>(second);
  REQUIRE(again != nullptr);
  CHECK(again->replayed);
  CHECK(again->job.record.id == id);
  f.restart();
  auto third = f.replay();
  const auto* later = f.answer<job_accepted>(third);
  REQUIRE(later != nullptr);
  CHECK(later->replayed);
  CHECK(later->job.record.id == id);
  CHECK(f.replays() == 1);
}

TEST_CASE("requests at the same moment settle a letter once", "[actors][dlq]") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    fixture f{seed};
    runtime::seeded_rng order{seed};
    f.options.choose = [&](size_t n) { return order.next() % n; };
    f.restart();
    std::vector<runtime::sink_ref> asked;
    for (int i = 0; i < 6; ++i)
      asked.push_back(order.next() % 3 == 0 ? f.drop() : f.replay());
    f.node->settle();
    auto letter = f.store->record(f.letter).value();
    CHECK(letter.letter != letter_state::dead);
    CHECK(f.replays() == (letter.letter == letter_state::replayed ? 1 : 0));
    for (auto to : asked)
      CHECK(f.node->sink().of(to.ticket).size() == 1);
  }
}

TEST_CASE("a crash in the middle leaves a letter dead or replayed once",
          "[actors][dlq]") {
  for (bool applied : {false, true}) {
    INFO("the commit reached the disk: " << applied);
    fixture f;
    f.store->cut_at(0, applied);
    (void)f.replay();
    f.node->settle();
    REQUIRE(f.store->off());
    f.restart();
    auto letter = f.store->record(f.letter).value();
    CHECK((letter.letter == letter_state::replayed) == applied);
    CHECK(f.replays() == (applied ? 1 : 0));
    auto to = f.replay();
    const auto* ok = f.answer<job_accepted>(to);
    REQUIRE(ok != nullptr);
    CHECK(ok->replayed == applied);
    CHECK(f.replays() == 1);
  }
}

TEST_CASE("a dropped letter stays dropped", "[actors][dlq]") {
  fixture f;
  auto to = f.drop();
  const auto* done = f.answer<job_snapshot>(to);
  REQUIRE(done != nullptr);
  CHECK(done->job.record.letter == letter_state::dropped);
  f.restart();
  CHECK(f.store->record(f.letter)->letter == letter_state::dropped);
  auto again = f.drop();
  REQUIRE(f.answer<job_snapshot>(again) != nullptr);
  auto late = f.replay();
  const auto* no = f.answer<refused>(late);
  REQUIRE(no != nullptr);
  CHECK(no->why.code == runtime::errc::not_found);
  CHECK(f.replays() == 0);
}

TEST_CASE("a replayed letter cannot be dropped", "[actors][dlq]") {
  fixture f;
  auto to = f.replay();
  REQUIRE(f.answer<job_accepted>(to) != nullptr);
  auto late = f.drop();
  const auto* still = f.answer<job_snapshot>(late);
  REQUIRE(still != nullptr);
  CHECK(still->job.record.letter == letter_state::replayed);
  CHECK(f.store->record(f.letter)->replayed_as.has_value());
}

TEST_CASE("another tenant's letter, and a job that is none, do not exist",
          "[actors][dlq]") {
  fixture f;
  auto to = f.node->ticket();
  f.node->port().drop_letter(f.letter, "other", to);
  REQUIRE(f.answer<refused>(to) != nullptr);
  auto replayed = f.replay();
  auto alive = f.answer<job_accepted>(replayed)->job.record.id;
  for (auto id : {alive, job_id{f.letter.high(), f.letter.low() ^ 1}}) {
    auto none = f.node->ticket();
    f.node->port().drop_letter(id, "default", none);
    const auto* no = f.answer<refused>(none);
    REQUIRE(no != nullptr);
    CHECK(no->why.code == runtime::errc::not_found);
  }
}

TEST_CASE("a node that takes no work refuses a replay and keeps the letter",
          "[actors][dlq]") {
  fixture f;
  f.node->env().board.draining = true;
  auto to = f.replay();
  const auto* no = f.answer<refused>(to);
  REQUIRE(no != nullptr);
  CHECK(no->why.code == runtime::errc::draining);
  CHECK(f.store->record(f.letter)->letter == letter_state::dead);
  f.node->env().board.draining = false;
  auto again = f.replay();
  CHECK(f.answer<job_accepted>(again) != nullptr);
}
