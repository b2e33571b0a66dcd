#include "runtime/job_codec.hpp"
#include "runtime/job_decision.hpp"
#include "runtime/job_machine.hpp"
#include "runtime/rng.hpp"
#include "tests/support/job_samples.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <limits>
#include <string>

using namespace std::chrono_literals;
using namespace troupe::runtime;
using Catch::Matchers::WithinAbs;
using troupe::tests::job_samples;

namespace {

constexpr auto inf = std::numeric_limits<float>::infinity();

float any_float(rng& random) {
  return static_cast<float>(random.unit() * 1e6);
}

uint32_t any_count(rng& random) {
  return static_cast<uint32_t>(random.next() >> random.below(64));
}

/// Of any size that a job can make.
job_decision any_decision(rng& random, size_t steps, size_t attempts) {
  job_decision x;
  x.predicted = {.input_tokens = any_count(random),
                 .output_tokens_p50 = any_count(random),
                 .output_tokens_p90 = any_count(random),
                 .mean_s = any_float(random),
                 .p50_s = any_float(random),
                 .output_log2 = 255,
                 .input_log2 = 12,
                 .source = cost_source::label,
                 .version = any_count(random)};
  x.key = {.boost_us = -static_cast<int64_t>(random.next() >> 2),
           .weight = any_float(random),
           .beta = inf,
           .beta_ref = any_float(random),
           .gamma = any_float(random),
           .limit_s = any_float(random),
           .capacity = any_float(random),
           .clamped = true};
  x.admission = {{admission_check::shard_jobs, 17, 100},
                 {admission_check::estimated_wait, any_float(random), 600}};
  x.wait.generation = random.next();
  x.wait.gate = {.clock = 1.5, .least = 0.25, .slack = 8};
  for (size_t i = 0; i < wait_reasons; ++i)
    x.wait.seconds[i] = any_float(random);
  for (size_t i = 0; i < steps; ++i)
    x.steps.push_back({.rung = ladder_rung::model,
                       .stage = decision_stage::mid_run,
                       .at_ms = any_count(random),
                       .needed = any_float(random),
                       .available = inf});
  for (size_t i = 0; i < attempts; ++i)
    x.attempts.push_back({.attempt = static_cast<uint32_t>(i + 1),
                          .worker = "a-model-with-a-name/3@a-node",
                          .start_ms = any_count(random),
                          .end_ms = any_count(random),
                          .outcome = attempt_outcome::lost,
                          .input_tokens = any_count(random),
                          .output_tokens = any_count(random),
                          .work_s = any_float(random)});
  return x;
}

job_machine machine_of(job_samples& samples) {
  auto record = samples.record(samples.id({3}));
  record.status = job_status::queued;
  record.phase = job_phase::queued;
  record.created_at = wall_from_us(1'000'000'000);
  record.next_seq = 0;
  record.attempt = 0;
  record.charged = 0;
  record.solo_crashes = 0;
  record.max_attempts = 3;
  record.error.reset();
  record.started_at = {};
  record.first_output_at = {};
  record.timing = {};
  record.usage = {};
  record.degradations.clear();
  record.resume = resume_mode::resume;
  record.decision = encode(job_decision{});
  return job_machine{std::move(record)};
}

wall_time at(double seconds) {
  return wall_from_us(1'000'000'000 + static_cast<int64_t>(seconds * 1e6));
}

} // namespace

TEST_CASE("a decision is read as it was written", "[runtime][decision]") {
  seeded_rng random{4};
  for (size_t steps : {0, 1, 2})
    for (size_t attempts : {0, 1, 2}) {
      auto x = any_decision(random, steps, attempts);
      auto bytes = encode(x);
      auto read = decode_decision(bytes);
      REQUIRE(read.has_value());
      CHECK(read->dropped == 0);
      CHECK(*read == x);
    }
  CHECK(decode_decision({}).value() == job_decision{});
}

TEST_CASE("a decision never takes more than 512 bytes, the newest stays",
          "[runtime][decision][property]") {
  seeded_rng random{8};
  for (size_t n = 0; n < 60; ++n) {
    auto x = any_decision(random, n, n);
    auto bytes = encode(x);
    CHECK(bytes.size() <= decision_bytes_max);
    auto read = decode_decision(bytes);
    REQUIRE(read.has_value());
    CHECK(read->dropped + read->steps.size() + read->attempts.size()
            + read->admission.size()
          == 2 * n + 2);
    if (n > 0)
      CHECK(read->attempts.back() == x.attempts.back());
  }
  // Nor through the notes of a job that is retried for ever.
  std::string bytes;
  for (uint32_t n = 1; n < 200; ++n) {
    note_wait(bytes, {.generation = n, .seconds = {1, 0, 1}});
    note_start(bytes,
               {.attempt = n, .worker = std::string(200, 'w'), .start_ms = n});
    note_end(bytes, {.end_ms = n, .outcome = attempt_outcome::lost});
    note_step(bytes, {.rung = ladder_rung::output_limit, .at_ms = n});
    CHECK(bytes.size() <= decision_bytes_max);
  }
  auto read = decode_decision(bytes).value();
  CHECK(read.attempts.back().attempt == 199);
  CHECK(read.attempts.back().worker.size() == 40);
  CHECK(read.wait.seconds[0] == 199);
}

TEST_CASE("a damaged decision costs its job nothing",
          "[runtime][decision][property]") {
  seeded_rng random{5};
  auto good = encode(any_decision(random, 2, 3));
  for (size_t size = 1; size < good.size(); ++size)
    CHECK(decode_decision(good.substr(0, size)).has_error());
  for (int i = 0; i < 20'000; ++i) {
    auto bad = good;
    for (uint64_t n = 1 + random.below(5); n > 0; --n)
      bad[random.below(bad.size())] = static_cast<char>(random.below(256));
    if (auto read = decode_decision(bad); !read)
      CHECK(read.error().code == errc::corruption);
    note_start(bad, {.attempt = 1, .worker = "w"});
    REQUIRE(bad.size() <= decision_bytes_max);
    CHECK(decode_decision(bad)->attempts.back().worker == "w");
  }
  auto other = good;
  other[0] = 9;
  CHECK(decode_decision(other).has_error());
  CHECK(decode_decision(std::string(513, '\1')).has_error());
  // A record with such bytes is read all the same.
  job_samples samples{1};
  auto record = samples.record(samples.id({0}));
  record.decision = other;
  CHECK(decode_record(encode(record)).value() == record);
}

TEST_CASE("a job's decision follows it from wait to end",
          "[runtime][decision][machine]") {
  job_samples samples{6};
  auto m = machine_of(samples);
  auto id = m.record().id;
  decided_wait wait{.generation = 4, .gate = {2, 1, 5}};
  wait.seconds[index_of(wait_reason::no_worker)] = 1.5;
  m.note({.wait = wait}, at(2));
  m.begin({.id = {id, 1, 1}, .model = "m", .worker = "m/0@a"}, at(2));
  m.prefilled({id, 1, 1}, 9);
  m.output({id, 1, 1}, "abc", 3, at(3));
  m.lost({id, 1, 1}, attempt_loss::model_error, {errc::model_error, "x"}, at(4),
         0);
  wait.generation = 5;
  m.note({.wait = wait}, at(6));
  m.begin({.id = {id, 1, 2},
           .model = "m",
           .worker = "m/1@a",
           .continues_prefix = true},
          at(6));
  m.output({id, 1, 2}, "de", 2, at(7));
  auto step = m.finish({id, 1, 2},
                       {.finish = finish_reason::stop,
                        .input_tokens = 9,
                        .output_tokens = 2,
                        .ran = 1500ms},
                       at(8));
  REQUIRE(step.terminal);
  auto x = decode_decision(m.record().decision).value();
  CHECK(x.wait.generation == 5);
  CHECK(x.wait.gate == gate_reading{2, 1, 5});
  CHECK(x.wait.seconds[index_of(wait_reason::no_worker)] == 3);
  REQUIRE(x.attempts.size() == 2);
  CHECK(x.attempts[0]
        == decided_attempt{.attempt = 1,
                           .worker = "m/0@a",
                           .start_ms = 2'000,
                           .end_ms = 4'000,
                           .outcome = attempt_outcome::lost,
                           .input_tokens = 9,
                           .output_tokens = 3,
                           .work_s = 2});
  CHECK(x.attempts[1].outcome == attempt_outcome::finished);
  CHECK(x.attempts[1].output_tokens == 2);
  CHECK_THAT(x.attempts[1].work_s, WithinAbs(1.5, 1e-3));
  // Events are for everybody, and for ever: they do not carry it.
  for (const auto& e : step.events)
    if (const auto* end = std::get_if<job_ended>(&e.body))
      CHECK(end->record.decision.empty());
}

TEST_CASE("an attempt that was under way at a crash is still the running one",
          "[runtime][decision][machine]") {
  job_samples samples{7};
  auto m = machine_of(samples);
  auto id = m.record().id;
  auto step =
    m.begin({.id = {id, 1, 1}, .model = "m", .worker = "m/0@a"}, at(1));
  auto more = m.output({id, 1, 1}, "abcd", 4, at(2));
  auto events = step.events;
  events.insert(events.end(), more.events.begin(), more.events.end());
  auto again = job_machine::restore(m.record(), events).value();
  again.lost(again.current(), attempt_loss::node_restarted,
             {errc::worker_lost, "x"}, at(9), 0);
  auto x = decode_decision(again.record().decision).value();
  REQUIRE(x.attempts.size() == 1);
  CHECK(x.attempts[0].outcome == attempt_outcome::lost);
  CHECK(x.attempts[0].output_tokens == 4);
  CHECK(x.attempts[0].end_ms == 9'000);
}

TEST_CASE("steps of the ladder and the end of a wait are noted",
          "[runtime][decision][machine]") {
  job_samples samples{9};
  auto m = machine_of(samples);
  m.note(
    {.step =
       decided_step{.rung = ladder_rung::model, .needed = 12, .available = 3}},
    at(5));
  m.degrade({.kind = degradation_kind::model, .from = "a", .to = "b"}, {},
            at(5));
  decided_wait wait;
  wait.seconds[index_of(wait_reason::breaker_open)] = 7;
  m.note({.wait = wait, .step = decided_step{.rung = ladder_rung::shed}},
         at(12));
  m.expire(at(12), "too late");
  m.note({.wait = wait}, at(13)); // the end is the end
  auto x = decode_decision(m.record().decision).value();
  REQUIRE(x.steps.size() == 2);
  CHECK(x.steps[0].at_ms == 5'000);
  CHECK(x.steps[0].needed == 12);
  CHECK(x.steps[1].rung == ladder_rung::shed);
  CHECK(x.wait.seconds[index_of(wait_reason::breaker_open)] == 7);
}
