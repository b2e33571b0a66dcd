#include "runtime/shard_ledger.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

struct ledger_fixture {
  std::optional<admitted> admit(request_identity who = {},
                                void (*change)(job_spec&) = nullptr) {
    last = {};
    last.model = "m";
    if (change != nullptr)
      change(last);
    outcome = ledger.admit(last, who, gate, clock.wall(), random);
    if (const auto* ok = std::get_if<admitted>(&outcome))
      return *ok;
    return std::nullopt;
  }
  job_id ready() {
    auto job = admit();
    REQUIRE(job.has_value());
    ledger.committed(job->record.id, std::make_shared<const job_spec>(last),
                     clock.mono());
    return job->record.id;
  }
  std::vector<announced_head> heads() const {
    return ledger.heads("m", last.tenant, 9, clock.mono(), clock.wall()).heads;
  }
  auto expiring() {
    auto due = ledger.due(clock.mono());
    return std::count_if(due.begin(), due.end(), [](const due_action& a) {
      return a.what == due_action::kind::expire;
    });
  }
  errc refusal() const { return std::get<refused>(outcome).why.code; }

  manual_clock clock;
  seeded_rng random{7};
  shard_ledger ledger{shard_id{5}, {.jobs_max = 3, .specs_resident = 1}, 4};
  admission_gate gate;
  job_spec last;
  admission_result outcome;
};

} // namespace

TEST_CASE("nothing may run before it is durable", "[runtime][ledger]") {
  ledger_fixture f;
  auto job = f.admit();
  REQUIRE(job.has_value());
  CHECK(f.heads().empty());
  CHECK_FALSE(f.ledger.lease(job->record.id, 0).has_value());
  CHECK(job->record.id.shard() == shard_id{5});
}

TEST_CASE("a lease is won once", "[runtime][ledger]") {
  ledger_fixture f;
  auto id = f.ready();
  CHECK_FALSE(f.ledger.lease(id, 1).has_value());
  auto won = f.ledger.lease(id, 0);
  REQUIRE(won.has_value());
  CHECK(won->id == attempt_id{id, 4, 1});
  CHECK_FALSE(f.ledger.lease(id, 0).has_value());
  CHECK_FALSE(f.ledger.lease(id, 1).has_value());
}

TEST_CASE("a requeued job keeps its key and waits out its delay",
          "[runtime][ledger]") {
  ledger_fixture f;
  auto id = f.ready();
  auto key = f.heads().at(0).key;
  auto record = f.ledger.lease(id, 0)->record;
  record.attempt = 1;
  record.suspect = true;
  f.ledger.requeued(record, 3s, f.clock.mono());
  CHECK(f.heads().empty());
  f.clock.advance(2999ms);
  CHECK(f.ledger.due(f.clock.mono()).empty());
  f.clock.advance(1ms);
  CHECK(f.ledger.due(f.clock.mono()).size() == 1);
  auto head = f.heads().at(0);
  CHECK(head.key == key);
  CHECK(head.attempt == 1);
  CHECK(head.alone);
}

TEST_CASE("a charged retry waits for the budget, another one does not",
          "[runtime][ledger]") {
  ledger_fixture f;
  auto charged = f.ready();
  auto free = f.ready();
  for (auto id : {charged, free}) {
    auto record = f.ledger.lease(id, 0)->record;
    f.ledger.requeued(record, 1s, f.clock.mono(), id == charged);
  }
  auto later = f.clock.mono() + 20s;
  size_t asked = 0;
  shard_ledger::retry_gate spent = [&](const std::string& model) {
    CHECK(model == "m");
    ++asked;
    return std::max(later, f.clock.mono());
  };
  f.clock.advance(1s);
  auto due = f.ledger.due(f.clock.mono(), spent);
  REQUIRE(due.size() == 1);
  CHECK(due[0].id == free);
  CHECK(asked == 1);
  CHECK(f.ledger.next_due() == later);
  f.clock.advance(18s);
  CHECK(f.ledger.due(f.clock.mono(), spent).empty());
  f.clock.advance(1s);
  CHECK(f.ledger.due(f.clock.mono(), spent).size() == 1);
  CHECK(f.heads().size() == 2);
}

TEST_CASE("a charged retry without a delay asks the budget as well",
          "[runtime][ledger]") {
  ledger_fixture f;
  auto id = f.ready();
  auto record = f.ledger.lease(id, 0)->record;
  f.ledger.requeued(record, 0s, f.clock.mono(), true);
  CHECK(f.heads().empty());
  auto never = [&](const std::string&) { return f.clock.mono() + 1min; };
  CHECK(f.ledger.due(f.clock.mono(), never).empty());
  // A budget that says "in the past" lets it go.
  f.clock.advance(1min);
  auto past = [](const std::string&) { return mono_time{}; };
  CHECK(f.ledger.due(f.clock.mono(), past).size() == 1);
}

TEST_CASE("among retries that wait for the budget the oldest job goes first",
          "[runtime][ledger]") {
  ledger_fixture f;
  std::vector<job_id> ids{f.ready(), f.ready(), f.ready()};
  // They end in another order than they came.
  for (size_t i : {2, 0, 1}) {
    auto record = f.ledger.lease(ids[i], 0)->record;
    f.ledger.requeued(record, 1s, f.clock.mono(), true);
  }
  auto later = f.clock.mono() + 20s;
  f.clock.advance(1s);
  CHECK(
    f.ledger.due(f.clock.mono(), [&](const auto&) { return later; }).empty());
  f.clock.advance(19s);
  bool once = true;
  auto one = [&](const auto&) {
    return std::exchange(once, false) ? f.clock.mono() : f.clock.mono() + 1min;
  };
  auto due = f.ledger.due(f.clock.mono(), one);
  REQUIRE(due.size() == 1);
  CHECK(due[0].id == ids[0]);
}

TEST_CASE("refusals say why, and a repeat is answered even then",
          "[runtime][ledger]") {
  ledger_fixture f;
  request_identity who{std::string(32, 'k'), std::string(32, 'f')};
  auto first = f.admit(who);
  REQUIRE(first.has_value());
  f.gate.draining = true;
  CHECK_FALSE(f.admit().has_value());
  CHECK(f.refusal() == errc::draining);
  CHECK_FALSE(f.admit(who).has_value());
  CHECK(std::get<repeated>(f.outcome).id == first->record.id);
  who.fingerprint = std::string(32, 'x');
  CHECK_FALSE(f.admit(who).has_value());
  CHECK(f.refusal() == errc::idempotency_mismatch);
  f.gate = {.storage_ok = false, .storage_reason = "no room"};
  CHECK_FALSE(f.admit().has_value());
  CHECK(f.refusal() == errc::storage_unavailable);
  f.gate = {.model = refused{fail(errc::model_unavailable, "it fails"), 9}};
  CHECK_FALSE(f.admit().has_value());
  CHECK(f.refusal() == errc::model_unavailable);
  CHECK(std::get<refused>(f.outcome).retry_after_s == 9);
  who.fingerprint = std::string(32, 'f');
  CHECK_FALSE(f.admit(who).has_value());
  CHECK(std::holds_alternative<repeated>(f.outcome));
  f.gate = {};
  f.ready();
  f.ready();
  CHECK_FALSE(f.admit().has_value());
  CHECK(f.refusal() == errc::queue_full);
}

TEST_CASE("the tenant is asked before the queue, and pays last of all",
          "[runtime][ledger][tenants]") {
  ledger_fixture f;
  int asked = 0;
  auto pay = [&](job_record& record,
                 const std::string& queue) -> std::optional<refused> {
    ++asked;
    CHECK(queue == "m");
    CHECK(record.estimated_s == f.last.estimated_s);
    record.budget_cost = 2;
    record.budget_serial = 7;
    return std::nullopt;
  };
  f.gate = {.memory_ok = false,
            .tenant = refused{fail(errc::quota_exceeded, "spent"), 3},
            .reserve = pay};
  CHECK_FALSE(f.admit().has_value());
  CHECK(f.refusal() == errc::quota_exceeded);
  f.gate.tenant.reset();
  CHECK_FALSE(f.admit().has_value());
  CHECK(f.refusal() == errc::queue_full);
  f.gate = {.storage_ok = false, .reserve = pay};
  CHECK_FALSE(f.admit().has_value());
  CHECK(asked == 0);

  f.gate = {.reserve = pay};
  auto job = f.admit();
  REQUIRE(job.has_value());
  CHECK(asked == 1);
  CHECK(job->record.budget_serial == 7);
  CHECK(f.ledger.find(job->record.id)->budget_cost == 2);
  // The story of the job begins with what it holds.
  CHECK(std::get<job_created>(job->events[0].body).record.budget_cost == 2);

  // Somebody took the last of it meanwhile: nothing stays behind.
  request_identity who{std::string(32, 'k'), std::string(32, 'f')};
  f.gate.reserve = [](job_record&, const std::string&) {
    return std::optional{refused{fail(errc::quota_exceeded, "late"), 3}};
  };
  CHECK_FALSE(f.admit(who).has_value());
  CHECK(f.refusal() == errc::quota_exceeded);
  CHECK(f.ledger.live() == 1);
  CHECK_FALSE(f.ledger.entry_of(who.key).has_value());
}

TEST_CASE("a start limit dies with the first lease, a total limit does not",
          "[runtime][ledger]") {
  for (bool leased : {false, true}) {
    ledger_fixture f;
    auto job = f.admit({}, [](job_spec& s) {
      s.deadline.start_timeout = 1s;
      s.deadline.total_timeout = 2s;
    });
    auto id = job->record.id;
    f.ledger.committed(id, nullptr, f.clock.mono());
    if (leased)
      REQUIRE(f.ledger.lease(id, 0).has_value());
    f.clock.advance(1s);
    CHECK(f.expiring() == (leased ? 0 : 1));
    f.clock.advance(1s);
    CHECK(f.expiring() == 1);
  }
}

TEST_CASE("depths add up to what waits, through every change",
          "[runtime][ledger]") {
  ledger_fixture f;
  auto a = f.ready();
  auto b = f.ready();
  CHECK(f.ledger.depths("m") == shard_ledger::tier_depths{0, 2, 0});
  auto record = f.ledger.lease(a, 0)->record;
  CHECK(f.ledger.depths("m") == shard_ledger::tier_depths{0, 1, 0});
  record.attempt = 1;
  f.ledger.requeued(record, 0s, f.clock.mono());
  CHECK(f.ledger.depths("m") == shard_ledger::tier_depths{0, 2, 0});
  CHECK(f.ledger.begin_end(b));
  f.ledger.closed(b);
  f.ledger.closed(a);
  CHECK(f.ledger.depths("m") == shard_ledger::tier_depths{});
  CHECK(f.ledger.live() == 0);
}

TEST_CASE("ids grow although the wall clock jumps back", "[runtime][ledger]") {
  ledger_fixture f;
  auto a = f.ready();
  f.clock.skew_wall(-1h);
  CHECK(a < f.ready());
}

TEST_CASE("old keys are dropped when their time is over", "[runtime][ledger]") {
  ledger_fixture f;
  REQUIRE(f.admit({std::string(32, 'k'), std::string(32, 'f')}).has_value());
  CHECK(f.ledger.expired_keys(f.clock.wall() + 23h).empty());
  CHECK(f.ledger.expired_keys(f.clock.wall() + 25h)
        == std::vector<std::string>{std::string(32, 'k')});
  CHECK_FALSE(f.ledger.entry_of(std::string(32, 'k')).has_value());
}
