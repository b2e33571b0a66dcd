// A tenant's account: who may have a job, what it takes, what a crash leaves.
#include "runtime/overload/tenant_table.hpp"

#include "runtime/job_codec.hpp"
#include "runtime/rng.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

using namespace troupe::runtime;
using namespace std::chrono_literals;
using Catch::Approx;

namespace {

constexpr shard_id home{1};

tenant_limits acme(double per_minute = 60, double burst = 100,
                   uint64_t jobs_max = 1000) {
  return {.name = "acme",
          .budget = {.cost_per_minute = per_minute, .burst = burst},
          .jobs_max = jobs_max};
}

struct bank {
  explicit bank(tenant_limits limits = acme())
    : account{std::move(limits), home} {
    account.open(std::nullopt, now);
  }

  /// A job that was let in; its record has what it took.
  std::optional<job_record> take(double cost, shard_id shard = home) {
    job_record record;
    record.id = job_id::make(now.wall + duration{++made}, shard, random);
    refusal = account.reserve(record, cost, now);
    if (refusal)
      return std::nullopt;
    return record;
  }
  job_record durable(double cost, shard_id shard = home) {
    auto record = take(cost, shard);
    REQUIRE(record);
    account.confirm(*record);
    return *record;
  }
  void end(job_record record, double cost) {
    record.usage.cost = cost;
    account.settle(record, now.mono);
  }
  void pass(duration time) {
    now.mono += time;
    now.wall += time;
  }
  double left() { return account.view(now).level.remaining; }
  double reserved() { return account.view(now).level.reserved; }

  moment now{mono_time{1h}, wall_time{std::chrono::days{20'000}}};
  seeded_rng random{3};
  int made = 0;
  tenant_account account;
  std::optional<refused> refusal;
};

/// What the next process makes of the last write and the live jobs.
struct restarted {
  restarted(const tenant_record& record, const std::vector<job_record>& live,
            const moment& now, tenant_limits limits = acme())
    : account{std::move(limits), home} {
    auto stored = decode_tenant_record(encode(record));
    REQUIRE(stored.has_value());
    CHECK(*stored == record);
    // Shards load in any order: some before the home, some after.
    for (size_t i = 0; i < live.size(); i += 2)
      account.adopt(live[i], now.mono);
    account.open(*stored, now);
    for (size_t i = 1; i < live.size(); i += 2)
      account.adopt(live[i], now.mono);
    level = account.view(now).level;
  }
  tenant_account account;
  budget_level level;
};

} // namespace

TEST_CASE(
  "what is kept of a tenant has the golden bytes, and damage is noticed",
  "[runtime][job_codec][tenants]") {
  const wall_time at{std::chrono::days{20'000}};
  const tenant_record full{.level_micro_cost = -1'500'000,
                           .at = at,
                           .counted_below = 70'000,
                           .override_now = budget_override{600, 0.5, at}};
  const auto bytes = encode(full);
  std::string hex;
  for (auto c : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    hex += digits[static_cast<uint8_t>(c) >> 4];
    hex += digits[static_cast<uint8_t>(c) & 15];
  }
  const auto path =
    std::string{TROUPE_SOURCE_DIR} + "/tests/golden/job_codec/tenant.hex";
  if (std::getenv("TROUPE_WRITE_GOLDEN") != nullptr)
    std::ofstream{path} << hex << '\n';
  std::string stored;
  std::ifstream{path} >> stored;
  CHECK(hex == stored);
  CHECK(decode_tenant_record(bytes).value() == full);
  CHECK(decode_tenant_record(encode(tenant_record{})).value()
        == tenant_record{});
  for (size_t n = 0; n < bytes.size(); ++n)
    CHECK(decode_tenant_record(bytes.substr(0, n)).error().code
          == errc::corruption);
}

TEST_CASE("a job takes its predicted cost and pays its real one",
          "[runtime][overload][tenants]") {
  bank b;
  auto job = b.durable(30);
  CHECK(job.budget_cost == 30);
  CHECK(job.budget_serial > 0);
  CHECK(b.left() == 70);
  CHECK(b.reserved() == 30);
  b.end(job, 12);
  CHECK(b.left() == 88);
  CHECK(b.reserved() == 0);
  b.end(job, 12); // The note came twice.
  CHECK(b.left() == 88);

  b.end(b.durable(20), 0); // Cancelled before it started.
  CHECK(b.left() == 88);
  b.end(b.durable(1), 100); // Real work may overdraw ...
  CHECK(b.left() == -12);
  CHECK_FALSE(b.take(0.001)); // ... and then nothing fits.
}

TEST_CASE("a refusal says what is missing and when it will be there",
          "[runtime][overload][tenants]") {
  bank b;
  b.durable(90);
  REQUIRE_FALSE(b.take(25));
  const auto no = *b.refusal;
  CHECK(no.why.code == errc::quota_exceeded);
  REQUIRE(no.budget);
  CHECK(no.budget->required == 25);
  CHECK(no.budget->remaining == 10);
  CHECK(no.retry_after_s == Approx(15).margin(0.001));
  CHECK(b.account.check(25, b.now)->why == no.why);
  b.pass(duration{static_cast<int64_t>(no.retry_after_s * 1e6) - 10'000});
  CHECK_FALSE(b.take(25));
  b.pass(20ms);
  CHECK(b.take(25));
  // More than ever fits: no time would help.
  REQUIRE_FALSE(b.take(101));
  CHECK(b.refusal->retry_after_s > 60);
  CHECK(b.refusal->why.context.find("never") != std::string::npos);
}

TEST_CASE("costs that are no numbers are refused or free, never a hole",
          "[runtime][overload][tenants]") {
  bank b;
  CHECK_FALSE(b.take(std::numeric_limits<double>::quiet_NaN()));
  CHECK_FALSE(b.take(std::numeric_limits<double>::infinity()));
  auto job = b.durable(-5);
  CHECK(b.left() == 100);
  b.end(job, std::numeric_limits<double>::quiet_NaN());
  CHECK(b.left() == 100);
}

TEST_CASE("without a limit nothing is counted but jobs",
          "[runtime][overload][tenants]") {
  bank b{acme(0, 0, 2)};
  CHECK_FALSE(b.account.limited());
  auto one = b.durable(1e9);
  CHECK(one.budget_serial == 0);
  CHECK(b.take(1e9));
  CHECK_FALSE(b.take(0));
  CHECK(b.refusal->why.code == errc::rate_limited);
  CHECK(b.refusal->retry_after_s > 0);
  CHECK(b.account.check(0, b.now)->why.code == errc::rate_limited);
  b.account.add_jobs(-1);
  CHECK_FALSE(b.account.check(0, b.now));
  CHECK(b.take(0));
  CHECK_FALSE(b.account.take_changes(b.now));
}

TEST_CASE("a refused job leaves its place to others",
          "[runtime][overload][tenants]") {
  bank b{acme(60, 100, 1)};
  CHECK_FALSE(b.take(1000));
  CHECK(b.account.view(b.now).jobs == 0);
  CHECK(b.take(1));
}

TEST_CASE("before its home shard has loaded a budget nobody spends it",
          "[runtime][overload][tenants]") {
  bank b;
  tenant_account fresh{acme(), home};
  job_record record;
  auto no = fresh.reserve(record, 1, b.now);
  REQUIRE(no);
  CHECK(no->why.code == errc::shard_unavailable);
  CHECK(no->retry_after_s > 0);
  CHECK(record.budget_serial == 0);
  CHECK(fresh.check(1, b.now)->why.code == errc::shard_unavailable);
  fresh.open(std::nullopt, b.now);
  CHECK_FALSE(fresh.reserve(record, 1, b.now));
}

TEST_CASE("a crash neither loses nor keeps what nobody owns",
          "[runtime][overload][tenants]") {
  bank b;
  auto ended = b.durable(10);
  auto lives = b.durable(20);
  auto in_flight = *b.take(30);
  b.end(ended, 7);
  auto kept = b.account.take_changes(b.now);
  REQUIRE(kept);
  auto later = b.durable(5);
  // The commit of `in_flight` got through, or it did not.
  restarted with{kept->record, {lives, in_flight, later}, b.now};
  CHECK(with.level.remaining == 100 - 7 - 20 - 30 - 5);
  CHECK(with.level.reserved == 55);
  restarted without{kept->record, {lives, later}, b.now};
  CHECK(without.level.remaining == 100 - 7 - 20 - 5);
  CHECK(without.level.reserved == 25);
  // They end as if nothing had happened.
  lives.usage.cost = 21;
  without.account.settle(lives, b.now.mono);
  later.usage.cost = 0;
  without.account.settle(later, b.now.mono);
  CHECK(without.account.view(b.now).level.remaining == 100 - 7 - 21);
  CHECK(without.account.view(b.now).level.reserved == 0);
}

TEST_CASE("what came in while the node was down counts, once",
          "[runtime][overload][tenants]") {
  bank b;
  b.end(b.durable(60), 60);
  auto kept = b.account.take_changes(b.now);
  b.pass(10s);
  restarted next{kept->record, {}, b.now};
  CHECK(next.level.remaining == Approx(50));
  b.now.wall -= 1h; // A clock that went back adds nothing.
  restarted odd{kept->record, {}, b.now};
  CHECK(odd.level.remaining == Approx(40));
}

TEST_CASE("random spending survives a crash to the millionth, but for what "
          "ended since the last write",
          "[runtime][overload][tenants]") {
  constexpr double burst = 1'000'000;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    seeded_rng random{seed};
    bank b{acme(60, burst)};
    std::vector<job_record> live;
    std::vector<job_record> in_flight;
    double paid = 0;
    auto cost = [&] { return static_cast<double>(random.below(800)) / 8; };
    auto take_one = [&](std::vector<job_record>& from) {
      auto at = static_cast<ptrdiff_t>(random.below(from.size()));
      auto job = from[static_cast<size_t>(at)];
      from.erase(from.begin() + at);
      return job;
    };
    auto step = [&](bool may_end) {
      auto what = random.below(may_end ? 5 : 4);
      if (what < 2) {
        in_flight.push_back(
          *b.take(cost(), {static_cast<uint16_t>(random.below(3))}));
      } else if (what < 4 && !in_flight.empty()) {
        live.push_back(take_one(in_flight));
        b.account.confirm(live.back());
      } else if (what == 4 && !live.empty()) {
        auto real = cost();
        b.end(take_one(live), real);
        paid += real;
      }
    };
    for (int i = 0; i < 300; ++i)
      step(true);
    live.push_back(b.durable(1)); // Something has changed for certain.
    auto kept = b.account.take_changes(b.now);
    REQUIRE(kept);
    for (int i = 0; i < 100; ++i)
      step(false);
    // Of what was under way, some got through.
    while (!in_flight.empty()) {
      auto job = take_one(in_flight);
      if (random.below(2) == 0)
        live.push_back(job);
    }
    double held = 0;
    for (const auto& job : live)
      held += job.budget_cost;
    restarted next{kept->record, live, b.now, acme(60, burst)};
    CHECK(next.level.reserved == Approx(held).margin(1e-6));
    CHECK(next.level.remaining
          == Approx(burst - held - paid).epsilon(0).margin(1e-6));
  }
}

TEST_CASE("a shard that starts over gives back what it never wrote",
          "[runtime][overload][tenants]") {
  bank b;
  auto lives = b.durable(10, {2});
  auto ended = b.durable(20, {2}); // Durable, and its end was not heard of.
  auto lost = *b.take(30, {2});
  auto other = *b.take(5, {3});
  b.account.reconcile({2}, {lives.id}, b.now.mono);
  CHECK(b.left() == 100 - 10 - 20 - 5);
  CHECK(b.reserved() == 15);
  // Nothing of it is still held back from the store.
  auto kept = b.account.take_changes(b.now);
  REQUIRE(kept);
  b.account.confirm(other);
  restarted next{kept->record, {lives, other}, b.now};
  CHECK(next.level.remaining == 100 - 10 - 20 - 5);
  b.end(lost, 30); // A late note of it: nobody.
  b.end(ended, 1);
  CHECK(b.left() == 100 - 10 - 20 - 5);
}

TEST_CASE("an override is in force at once, until it lapses, over a restart",
          "[runtime][overload][tenants]") {
  bank b;
  b.durable(100);
  CHECK_FALSE(b.take(1));
  b.account.set_override(budget_override{600, 50, b.now.wall + 90s},
                         {.sink = 1, .ticket = 7}, b.now);
  auto view = b.account.view(b.now);
  CHECK(view.budget.cost_per_minute == 600);
  CHECK(view.override_now->burst == 50);
  b.pass(5s);
  CHECK(b.left() == Approx(50));
  auto kept = b.account.take_changes(b.now);
  REQUIRE(kept);
  CHECK(kept->waiting == std::vector<sink_ref>{{.sink = 1, .ticket = 7}});
  CHECK_FALSE(b.account.take_changes(b.now));

  b.pass(80s);
  restarted during{kept->record, {}, b.now};
  CHECK(during.account.view(b.now).override_now);
  b.pass(10s);
  CHECK_FALSE(during.account.view(b.now).override_now);
  CHECK(during.account.view(b.now).budget.burst == 100);
  restarted after{kept->record, {}, b.now};
  CHECK_FALSE(after.account.view(b.now).override_now);
  CHECK_FALSE(b.account.view(b.now).override_now);
}

TEST_CASE("a tenant without a limit can be given one, full, and be let go",
          "[runtime][overload][tenants]") {
  bank b{acme(0, 0)};
  auto free = b.durable(500);
  b.account.set_override(budget_override{60, 10, b.now.wall + 60s}, {}, b.now);
  CHECK(b.account.limited());
  CHECK(b.left() == 10);
  CHECK_FALSE(b.take(11));
  auto job = b.durable(9);
  b.account.set_override(std::nullopt, {}, b.now);
  CHECK_FALSE(b.account.limited());
  b.end(job, 3);
  b.end(free, 500);
  CHECK(b.take(1e6));
  // Whoever is limited after a restart starts full, too.
  auto kept = b.account.take_changes(b.now);
  REQUIRE(kept);
  restarted next{kept->record, {}, b.now};
  CHECK(next.level.remaining == 100);
}

TEST_CASE("a tenant's home is the same for ever", "[runtime][tenants]") {
  // Stored budgets are found by it.
  CHECK(home_of("acme", 1) == shard_id{0});
  CHECK(home_of("acme", 64).value == 15);
  CHECK(home_of("default", 64).value == 62);
}

TEST_CASE("everybody has a default tenant", "[runtime][tenants]") {
  tenant_table table;
  CHECK(table.empty());
  table.configure({acme()}, 64);
  REQUIRE(table.find("default"));
  CHECK_FALSE(table.find("default")->limited());
  REQUIRE(table.find("acme"));
  CHECK(table.find("acme")->limited());
  CHECK(table.find("nobody") == nullptr);
  CHECK(table.all().size() == 2);
  auto at = table.at_home(home_of("acme", 64));
  CHECK(std::find(at.begin(), at.end(), table.find("acme")) != at.end());
  CHECK(table.first_load({3}));
  CHECK_FALSE(table.first_load({3}));

  tenant_table strict;
  strict.configure({{.name = "default", .budget = {6, 6}}}, 64);
  CHECK(strict.all().size() == 1);
  CHECK(strict.find("default")->limited());
}
