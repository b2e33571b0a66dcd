#include "models/simulated_engine.hpp"

#include "runtime/rng.hpp"
#include "tests/support/simulated_stage.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace troupe;
using models::simulated_config;
using models::simulated_engine;
using std::chrono::milliseconds;
using std::chrono::seconds;
using tests::constant;
using tests::engine_driver;
using tests::make_attempt;
using tests::scripted;
using stage = tests::simulated_stage;

TEST_CASE("a simulated engine is ready at its first poll",
          "[models][simulated]") {
  simulated_engine engine{constant(1, 1)};
  engine_driver driver{engine};
  CHECK_FALSE(engine.next_due());
  int wakes = 0;
  engine.start([&] { ++wakes; });
  CHECK(wakes == 1);
  REQUIRE(engine.next_due());
  CHECK(*engine.next_due() <= driver.now);
  driver.poll();
  REQUIRE(driver.ready);
  CHECK(driver.ready->description.kind == "simulated");
  CHECK(driver.ready->description.slots == 8);
  CHECK(driver.ready->description.continues_prefix);
}

TEST_CASE("tokens are evenly spaced and the answer takes its service time",
          "[models][simulated]") {
  stage s{constant(2.0, 20)};
  auto request = make_attempt(1);
  auto began_at = s.driver.now;
  s.engine.admit(request);
  s.driver.run_for(seconds{5});
  auto& a = s.story(request);
  REQUIRE(a.finished);
  CHECK(a.began);
  CHECK(a.input_tokens == 3);
  CHECK(a.ended_at == began_at + seconds{2});
  CHECK(a.tokens == 20);
  CHECK(a.finished->output_tokens == 20);
  CHECK(a.finished->finish == runtime::finish_reason::stop);
  REQUIRE(a.outputs.size() == 20); // 100 ms apart: one each.
  for (size_t i = 0; i < a.outputs.size(); ++i)
    CHECK(a.output_times[i] == began_at + milliseconds{100} * (i + 1));
}

TEST_CASE("fast tokens travel in batches of 20 ms or 16, the first at once",
          "[models][simulated]") {
  SECTION("5 ms apart") {
    stage s{constant(0.5, 100)};
    auto request = make_attempt(1);
    auto began_at = s.driver.now;
    s.engine.admit(request);
    s.driver.run_for(seconds{2});
    auto& a = s.story(request);
    CHECK(a.tokens == 100);
    CHECK(a.outputs.front().tokens == 1);
    CHECK(a.output_times.front() == began_at + milliseconds{5});
    for (size_t i = 1; i < a.outputs.size(); ++i) {
      CHECK(a.outputs[i].tokens <= 4);
      CHECK(a.output_times[i] - a.output_times[i - 1] <= milliseconds{20});
    }
    CHECK(a.outputs.size() <= 27);
  }
  SECTION("0.5 ms apart") {
    stage s{constant(0.5, 1000)};
    auto request = make_attempt(1);
    s.engine.admit(request);
    s.driver.run_for(seconds{2});
    auto& a = s.story(request);
    CHECK(a.tokens == 1000);
    for (const auto& x : a.outputs)
      CHECK(x.tokens <= 16);
    CHECK(a.outputs.size() >= 62);
    CHECK(a.outputs.size() <= 66);
  }
}

TEST_CASE("a late poll says in one output all that is due",
          "[models][simulated]") {
  stage s{constant(1.0, 50)};
  auto request = make_attempt(1);
  s.engine.admit(request);
  s.driver.poll();
  s.driver.now += milliseconds{500};
  s.driver.poll();
  CHECK(s.story(request).outputs.size() == 1);
  CHECK(s.story(request).tokens == 25);
  s.driver.now += seconds{10};
  s.driver.poll();
  CHECK(s.story(request).finished);
  CHECK(s.story(request).tokens == 50);
}

TEST_CASE("an answer longer than a burst comes in several polls",
          "[models][simulated]") {
  stage s{constant(0.0, 5000)};
  auto request = make_attempt(1);
  s.engine.admit(request);
  s.driver.run_for(seconds{1});
  auto& a = s.story(request);
  REQUIRE(a.finished);
  CHECK(a.tokens == 5000);
  for (const auto& x : a.outputs)
    CHECK(x.tokens <= simulated_engine::burst_tokens_max);
}

TEST_CASE("a job that is killed at any token and continued reads as one",
          "[models][simulated]") {
  constexpr uint32_t total = 40;
  auto whole = [] {
    stage s{constant(1.0, total)};
    auto request = make_attempt(7);
    s.engine.admit(request);
    s.driver.run_for(seconds{5});
    return s.story(request).text;
  }();
  REQUIRE(!whole.empty());
  for (uint32_t cut = 0; cut <= total; ++cut) {
    stage first{constant(1.0, total)};
    auto request = make_attempt(7);
    first.engine.admit(request);
    first.driver.run_for(milliseconds{25} * cut);
    auto said = first.story(request);
    REQUIRE(said.tokens == cut);

    stage second{constant(1.0, total)};
    auto again = make_attempt(7, 2);
    again.prefix = said.text;
    again.prefix_tokens = said.tokens;
    auto began_at = second.driver.now;
    second.engine.admit(again);
    second.driver.run_for(seconds{5});
    auto& rest = second.story(again);
    REQUIRE(rest.finished);
    CHECK(said.text + rest.text == whole);
    CHECK(rest.finished->output_tokens == total - cut);
    CHECK(rest.ended_at == began_at + milliseconds{25} * (total - cut));
  }
}

TEST_CASE("results do not depend on what else runs", "[models][simulated]") {
  simulated_config config{.tokens = 30, .seed = 99, .slots = 8};
  auto alone = [&](uint64_t n) {
    stage s{config};
    auto request = make_attempt(n);
    auto began_at = s.driver.now;
    s.engine.admit(request);
    s.driver.run_for(seconds{60});
    auto& a = s.story(request);
    return std::pair{a.text, a.ended_at - began_at};
  };
  stage s{config};
  auto began_at = s.driver.now;
  for (uint64_t n : {5, 3, 1, 4, 2})
    s.engine.admit(make_attempt(n));
  s.driver.run_for(seconds{60});
  for (uint64_t n = 1; n <= 5; ++n) {
    auto& a = s.story(make_attempt(n));
    auto [text, took] = alone(n);
    CHECK(a.text == text);
    CHECK(a.ended_at - began_at == took);
  }
  CHECK(alone(1).first != alone(2).first);
}

TEST_CASE("lognormal service times have the configured median and p95",
          "[models][simulated]") {
  constexpr int count = 4000;
  std::vector<double> drawn;
  simulated_config config{
    .median_s = 0.2, .p95_s = 0.5, .tokens = 1, .slots = 1000};
  for (int round = 0; round < count / 1000; ++round) {
    stage s{config};
    auto began_at = s.driver.now;
    for (uint64_t n = 0; n < 1000; ++n)
      s.engine.admit(make_attempt(static_cast<uint64_t>(round) * 1000 + n));
    s.driver.run_for(seconds{3600});
    for (auto& [id, a] : s.driver.attempts)
      drawn.push_back(
        std::chrono::duration<double>(a.ended_at - began_at).count());
  }
  REQUIRE(drawn.size() == count);
  std::ranges::sort(drawn);
  auto median = drawn[count / 2];
  auto p95 = drawn[count * 95 / 100];
  CHECK(median > 0.19);
  CHECK(median < 0.21);
  CHECK(p95 > 0.46);
  CHECK(p95 < 0.54);
}

TEST_CASE("max_output_tokens ends an answer with length",
          "[models][simulated]") {
  stage s{constant(1.0, 20)};
  auto request = make_attempt(1);
  request.params.max_output_tokens = 8;
  s.engine.admit(request);
  auto exact = make_attempt(2);
  exact.params.max_output_tokens = 20;
  s.engine.admit(exact);
  auto spent = make_attempt(3, 2);
  spent.params.max_output_tokens = 8;
  spent.prefix_tokens = 8;
  s.engine.admit(spent);
  s.driver.run_for(seconds{5});
  CHECK(s.story(request).tokens == 8);
  CHECK(s.story(request).finished->finish == runtime::finish_reason::length);
  CHECK(s.story(exact).finished->finish == runtime::finish_reason::stop);
  CHECK(s.story(spent).tokens == 0);
  CHECK(s.story(spent).finished->finish == runtime::finish_reason::length);
  CHECK(s.story(spent).finished->output_tokens == 0);
}

TEST_CASE("a scripted failure comes before its token, prefix included",
          "[models][simulated]") {
  stage s{constant(1.0, 20)};
  auto transient = scripted(1, {.fail_at_token = 5});
  auto invalid = scripted(2, {.fail_at_token = 0, .fail_code = "invalid"});
  auto continued = scripted(3, {.fail_at_token = 5});
  continued.prefix_tokens = 4;
  auto late = scripted(4, {.fail_at_token = 20});
  auto began_at = s.driver.now;
  for (const auto& x : {transient, invalid, continued, late})
    s.engine.admit(x);
  s.driver.run_for(seconds{5});
  REQUIRE(s.story(transient).failed);
  CHECK(s.story(transient).tokens == 5);
  CHECK(s.story(transient).failed->transient);
  CHECK(s.story(transient).failed->why.code == runtime::errc::model_error);
  CHECK(s.story(transient).ended_at == began_at + milliseconds{300});
  REQUIRE(s.story(invalid).failed);
  CHECK(s.story(invalid).tokens == 0);
  CHECK_FALSE(s.story(invalid).failed->transient);
  CHECK(s.story(invalid).failed->why.code == runtime::errc::validation_failed);
  REQUIRE(s.story(continued).failed);
  CHECK(s.story(continued).tokens == 1);
  CHECK(s.story(late).finished);
  CHECK_FALSE(s.driver.died);
}

TEST_CASE("a scripted crash takes the whole engine", "[models][simulated]") {
  stage s{constant(1.0, 20)};
  auto mate = make_attempt(1);
  auto bad = scripted(2, {.fail_at_token = 10, .crash = true});
  s.engine.admit(mate);
  s.engine.admit(bad);
  s.driver.run_for(seconds{5});
  REQUIRE(s.driver.died);
  CHECK(s.driver.died->why.code == runtime::errc::worker_lost);
  CHECK(s.story(bad).tokens == 10);
  CHECK(s.story(mate).tokens >= 10);
  CHECK(s.story(mate).tokens <= 11);
  CHECK_FALSE(s.story(mate).ended());
  CHECK(s.engine.poll(s.driver.now + seconds{60}).empty());
  CHECK_FALSE(s.engine.next_due());
}

TEST_CASE("a crash without a token happens at once, also when polled late",
          "[models][simulated]") {
  stage s{constant(1.0, 20)};
  auto mate = make_attempt(1);
  s.engine.admit(mate);
  s.driver.poll();
  s.engine.admit(scripted(2, {.crash = true}));
  s.driver.poll();
  CHECK(s.driver.died);
}

TEST_CASE("what a neighbour says after the crash is never heard",
          "[models][simulated]") {
  stage s{constant(1.0, 20)};
  auto mate = make_attempt(1);
  s.engine.admit(mate);
  s.engine.admit(scripted(2, {.fail_at_token = 2, .crash = true}));
  s.driver.poll();
  s.driver.now += seconds{30};
  s.driver.poll();
  REQUIRE(s.driver.died);
  CHECK(s.story(mate).tokens == 3);
}

TEST_CASE("a hang freezes the engine until the watchdog ends it",
          "[models][simulated]") {
  stage s{constant(100.0, 100)};
  auto mate = make_attempt(1);
  s.engine.admit(mate);
  s.driver.run_for(milliseconds{3500});
  CHECK(s.story(mate).tokens == 3);
  auto hung_at = s.driver.now;
  auto hanging = scripted(2, {.hang = true});
  s.engine.admit(hanging);
  s.driver.run_for(seconds{20});
  CHECK(s.story(mate).tokens == 3);
  CHECK_FALSE(s.story(hanging).began);
  CHECK_FALSE(s.driver.died);
  auto& beats = s.driver.beats;
  REQUIRE(beats.size() > 15);
  CHECK(beats.back() == beats[beats.size() - 10]);
  s.driver.run_for(seconds{60});
  REQUIRE(s.driver.died);
  CHECK(s.driver.died->why.context == "no step for 30 s with a busy slot");
  CHECK(s.driver.now <= hung_at + seconds{80});
}

TEST_CASE("cancelling the hanging attempt lets the others go on",
          "[models][simulated]") {
  stage s{constant(10.0, 10)};
  auto mate = make_attempt(1);
  auto began_at = s.driver.now;
  s.engine.admit(mate);
  s.driver.run_for(milliseconds{2500});
  auto hanging = scripted(2, {.hang = true});
  s.engine.admit(hanging);
  s.driver.run_for(seconds{5});
  CHECK(s.story(mate).tokens == 2);
  s.engine.cancel(hanging.id);
  s.driver.run_for(seconds{60});
  REQUIRE(s.story(mate).finished);
  CHECK(s.story(mate).ended_at == began_at + seconds{15});
  CHECK_FALSE(s.driver.died);
}

TEST_CASE("a cancelled attempt says no more and its slot is free at once",
          "[models][simulated]") {
  auto config = constant(1.0, 20);
  config.slots = 1;
  stage s{config};
  auto first = make_attempt(1);
  s.engine.admit(first);
  s.driver.run_for(milliseconds{500});
  s.engine.cancel(first.id);
  auto second = make_attempt(2);
  s.engine.admit(second);
  s.engine.cancel(make_attempt(77).id);
  s.driver.run_for(seconds{5});
  CHECK(s.story(first).tokens == 10);
  CHECK_FALSE(s.story(first).ended());
  CHECK(s.story(second).finished);
}

TEST_CASE("an attempt too many is refused and a repeated one ignored",
          "[models][simulated]") {
  auto config = constant(1.0, 20);
  config.slots = 2;
  stage s{config};
  for (uint64_t n : {1, 1, 2, 3})
    s.engine.admit(make_attempt(n));
  s.driver.run_for(seconds{5});
  CHECK(s.story(make_attempt(1)).tokens == 20);
  CHECK(s.story(make_attempt(2)).finished);
  REQUIRE(s.story(make_attempt(3)).failed);
  CHECK(s.story(make_attempt(3)).failed->why.code == runtime::errc::queue_full);
  CHECK(s.story(make_attempt(3)).failed->transient);
}

TEST_CASE("an engine beats each second, and its steps grow only with work",
          "[models][simulated]") {
  stage s{constant(100.0, 2)};
  s.driver.run_for(seconds{10});
  REQUIRE(s.driver.beats.size() == 10);
  CHECK(s.driver.beats.front() == s.driver.beats.back());
  s.engine.admit(make_attempt(1));
  s.driver.run_for(seconds{90}); // Tokens 50 s apart are no hang.
  REQUIRE(s.driver.beats.size() == 100);
  CHECK(s.driver.beats.back() >= 90);
  CHECK_FALSE(s.driver.died);
}

TEST_CASE("a killed engine dies once", "[models][simulated]") {
  stage s;
  s.engine.admit(make_attempt(1));
  s.driver.poll();
  s.engine.kill();
  s.engine.kill();
  s.driver.run_for(seconds{10});
  REQUIRE(s.driver.died);
  CHECK(std::ranges::count_if(
          s.driver.events,
          [](const auto& e) {
            return std::holds_alternative<models::engine_died>(e);
          })
        == 1);
  s.engine.admit(make_attempt(2));
  CHECK(s.engine.poll(s.driver.now).empty());
}

TEST_CASE("silly numbers are bounded", "[models][simulated]") {
  stage s{simulated_config{.median_s = 0.0, .p95_s = -1.0, .tokens = 3}};
  auto nan = scripted(1, {.service_s = std::nan(""), .tokens = 0});
  auto endless = scripted(2, {.service_s = 1e300, .tokens = 4'000'000'000u});
  auto negative = scripted(3, {.service_s = -5.0});
  auto drawn = make_attempt(4);
  for (const auto& x : {nan, endless, negative, drawn})
    s.engine.admit(x);
  s.driver.run_for(seconds{5});
  CHECK(s.story(nan).finished);
  CHECK(s.story(nan).tokens == 0);
  CHECK(s.story(negative).tokens == 3);
  CHECK(s.story(drawn).finished);
  CHECK_FALSE(s.story(endless).ended());
}
