#include "runtime/attempt_trail.hpp"
#include "runtime/job_machine.hpp"
#include "tests/support/job_samples.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace troupe::runtime;
using namespace std::chrono_literals;
using troupe::tests::job_samples;

namespace {

const wall_time t0{1'767'225'600s};

/// A job whose attempts fail one after the other, and its events.
struct story {
  explicit story(uint32_t max_attempts = 3) {
    job_spec spec;
    spec.id = job_id::make(t0, {0}, random);
    spec.model = "sim";
    spec.max_attempts = max_attempts;
    machine = job_machine{make_record(spec)};
  }
  void keep(job_step step) {
    for (auto& x : step.events)
      trail.add(x);
  }
  void begin(wall_time at) {
    auto next = machine.record().attempt + 1;
    keep(machine.begin({.id = {machine.record().id, 1, next},
                        .model = "sim",
                        .worker = "sim/" + std::to_string(next) + "@a"},
                       at));
  }
  void lose(attempt_loss loss, failure why, wall_time at) {
    keep(machine.lost(machine.current(), loss, why, at, 0.5));
  }

  seeded_rng random{1};
  job_machine machine{job_record{}};
  attempt_trail trail;
};

} // namespace

TEST_CASE("every attempt has its worker, its times and its error",
          "[runtime][dlq]") {
  story s{2};
  s.begin(t0 + 1s);
  s.lose(attempt_loss::node_restarted, {errc::worker_lost, "restart"}, t0 + 2s);
  s.begin(t0 + 3s);
  s.lose(attempt_loss::model_error, {errc::model_error, "first"}, t0 + 4s);
  s.begin(t0 + 5s);
  s.lose(attempt_loss::model_error, {errc::model_error, "second"}, t0 + 6s);
  REQUIRE(s.machine.record().dead_letter);
  const auto& seen = s.trail.attempts();
  REQUIRE(seen.size() == 3);
  CHECK(seen[0]
        == past_attempt{.attempt = 1,
                        .model = "sim",
                        .worker = "sim/1@a",
                        .started_at = t0 + 1s,
                        .ended_at = t0 + 2s,
                        .error = failure{errc::worker_lost, "restart"}});
  CHECK(seen[1].error == failure{errc::model_error, "first"});
  CHECK(seen[1].worker == "sim/2@a");
  CHECK(seen[2].attempt == 3);
  CHECK(seen[2].error == failure{errc::model_error, "second"});
  CHECK(seen[2].ended_at == t0 + 6s);
}

TEST_CASE("a running attempt has no end, a good one no error",
          "[runtime][dlq]") {
  story s;
  CHECK(s.trail.attempts().empty());
  s.begin(t0 + 1s);
  REQUIRE(s.trail.attempts().size() == 1);
  CHECK(s.trail.attempts()[0].ended_at == wall_time{});
  s.keep(s.machine.output(s.machine.current(), "text", 1, t0 + 2s));
  s.keep(s.machine.finish(s.machine.current(), {}, t0 + 3s));
  REQUIRE(s.trail.attempts().size() == 1);
  CHECK(s.trail.attempts()[0].ended_at == t0 + 3s);
  CHECK_FALSE(s.trail.attempts()[0].error);
}

TEST_CASE("a cancelled attempt says so, in the client's words",
          "[runtime][dlq]") {
  story s;
  s.begin(t0 + 1s);
  s.keep(s.machine.cancel("not needed", t0 + 2s));
  CHECK(s.trail.attempts().at(0).error
        == failure{errc::cancelled, "not needed"});
}

TEST_CASE("a job that ended before it began has no attempts",
          "[runtime][dlq]") {
  story s;
  s.keep(s.machine.expire(t0 + 1s));
  CHECK(s.trail.attempts().empty());
}

TEST_CASE("events of an older version name the kind of loss",
          "[runtime][dlq]") {
  attempt_trail trail;
  uint64_t seq = 0;
  for (const auto* reason : {"model_error", "suspect_batch"}) {
    trail.add({seq++, t0, job_started{1, "sim", "sim/0@a"}});
    trail.add({seq++, t0 + 1s, job_retrying{2, reason, 0.0}});
  }
  CHECK(trail.attempts().at(0).error
        == failure{errc::model_error, "model_error"});
  CHECK(trail.attempts().at(1).error
        == failure{errc::worker_lost, "suspect_batch"});
}

TEST_CASE("a start whose end is missing does not swallow the next",
          "[runtime][dlq]") {
  attempt_trail trail;
  trail.add({0, t0, job_started{1, "sim", "sim/0@a"}});
  trail.add({1, t0 + 5s, job_started{2, "sim", "sim/1@a"}});
  REQUIRE(trail.attempts().size() == 2);
  CHECK(trail.attempts()[0].ended_at == t0 + 5s);
  CHECK(trail.attempts()[0].error->code == errc::worker_lost);
}

TEST_CASE("any sequence of events yields one attempt per start",
          "[runtime][dlq]") {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    job_samples samples{seed};
    auto id = samples.id({0});
    attempt_trail trail;
    size_t starts = 0;
    auto at = t0;
    for (auto& x : samples.events(0, 60, id)) {
      x.at = at += 1s;
      starts += std::holds_alternative<job_started>(x.body) ? 1 : 0;
      trail.add(x);
    }
    INFO("seed " << seed);
    const auto& seen = trail.attempts();
    REQUIRE(seen.size() == starts);
    // All but the last have ended, none after the next began.
    for (size_t i = 0; i + 1 < starts; ++i) {
      CHECK(seen[i].ended_at > seen[i].started_at);
      CHECK(seen[i].ended_at <= seen[i + 1].started_at);
    }
  }
}
