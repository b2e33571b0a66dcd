// Engine processes that lie, hang and babble: each ends with its reason and
// without a trace.
#include "models/engine_process.hpp"

#include "tests/support/engine_stage.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>

using namespace troupe;
using Catch::Matchers::ContainsSubstring;
using models::engine_process_config;
using runtime::errc;
using std::chrono::seconds;
using namespace tests;

namespace {

const std::string fake_path =
  std::string{TROUPE_BIN_DIR} + "/troupe-engine-fake";

engine_process_config scripted(std::string script, uint32_t slots = 4) {
  engine_process_config config;
  config.executable = fake_path;
  config.backend.kind = "scripted";
  config.backend.path = std::move(script);
  config.backend.slots = slots;
  return config;
}

/// A process without the engine loop.
engine_process_config unlooped(std::string script, uint32_t slots = 4) {
  auto config = scripted("", slots);
  config.arguments = {std::move(script)};
  return config;
}

struct stage : engine_stage {
  using engine_stage::engine_stage;
  explicit stage(const std::string& script) : engine_stage{scripted(script)} {}
};

} // namespace

TEST_CASE("an engine that breaks the protocol is killed",
          "[models][engine_process][hostile]") {
  auto script =
    GENERATE(as<std::string>{}, "garbage", "text", "oversize", "bad_version",
             "bad_kind", "bad_order", "bomb", "huge_array", "wrong_direction",
             "not_ready", "cut_off", "no_slots");
  CAPTURE(script);
  stage s{script};
  REQUIRE(s.wait_died());
  CAPTURE(s.reason());
  CHECK(s.driver.died->why.code == errc::protocol_error);
  CHECK(s.reason().starts_with("engine frame"));
  CHECK_FALSE(s.driver.ready);
  CHECK(children().empty());
}

TEST_CASE("an engine that closes its socket and stays is ended",
          "[models][engine_process][hostile]") {
  stage s{unlooped("closes")};
  REQUIRE(s.wait_died());
  CHECK_THAT(s.reason(), ContainsSubstring("closed its socket"));
  CHECK(children().empty());
}

TEST_CASE("a silent engine is killed after ten seconds",
          "[models][engine_process]") {
  stage s{unlooped("silent")};
  s.driver.poll();
  s.skip(seconds{9});
  CHECK_FALSE(s.driver.died);
  s.skip(seconds{10});
  REQUIRE(s.wait_died());
  CHECK_THAT(s.reason(), ContainsSubstring("no heartbeat for 10 s"));
  CHECK(children().empty());
}

TEST_CASE("a step that hangs silences the heartbeat and is killed",
          "[models][engine_process]") {
  stage s{""};
  REQUIRE(s.wait_ready());
  auto mate = with_script(1, {.tokens = 1'000'000});
  s.engine().admit(mate);
  REQUIRE(s.wait([&] { return s.story(mate).tokens > 0; }));
  s.engine().admit(with_script(2, {.hang = true}));
  REQUIRE(
    s.wait([&] { return number_after(s.lines(), "hangs ").has_value(); }));
  s.driver.poll();
  s.skip(seconds{20});
  REQUIRE(s.wait_died());
  CHECK_THAT(s.reason(), ContainsSubstring("no heartbeat for 10 s"));
  CHECK(children().empty());
}

TEST_CASE("heartbeats without steps are no life with a busy slot",
          "[models][engine_process]") {
  stage s{unlooped("deaf")};
  REQUIRE(s.wait_ready());
  // Its beats go on; each look finds some.
  auto live = [&](seconds span) {
    for (auto end = s.driver.now + span; s.driver.now < end;) {
      auto beats = s.driver.beats.size();
      REQUIRE(s.wait([&] {
        return s.driver.beats.size() > beats || !s.engine().next_due();
      }));
      s.driver.now += seconds{2};
    }
  };
  live(seconds{100});
  CHECK(s.engine().next_due()); // Idle.
  s.engine().admit(make_attempt(1));
  live(seconds{28});
  CHECK(s.engine().next_due());
  live(seconds{6});
  REQUIRE(s.wait_died());
  CHECK_THAT(s.reason(),
             ContainsSubstring("no step for 30 s with a busy slot"));
}

TEST_CASE("a load that hangs has ten minutes", "[models][engine_process]") {
  auto config = scripted("load_hangs");
  config.watchdog.heartbeat_timeout = seconds{3600};
  stage s{config};
  s.driver.poll();
  s.skip(seconds{599});
  CHECK_FALSE(s.driver.died);
  s.skip(seconds{900});
  REQUIRE(s.wait_died());
  CHECK_THAT(s.reason(), ContainsSubstring("not loaded after 600 s"));
}

TEST_CASE("an engine that reads nothing refuses attempts and blocks nobody",
          "[models][engine_process]") {
  auto config = unlooped("deaf", 1000);
  config.unsent_bytes_max = 256u << 10;
  stage s{config};
  REQUIRE(s.wait_ready());
  auto request = make_attempt(0);
  request.text.assign(64u << 10, 'x');
  uint32_t refused = 0;
  for (uint64_t n = 1; n <= 100; ++n) {
    request.id = make_attempt(n).id;
    s.engine().admit(request);
    s.driver.poll();
    auto& failed = s.story(request).failed;
    if (failed && failed->why.code == errc::queue_full && failed->transient)
      ++refused;
  }
  CHECK(refused >= 80);
  CHECK(refused < 100);
}

TEST_CASE("a flood of events waits in the engine, not in the node",
          "[models][engine_process][hostile]") {
  auto config = unlooped("flood");
  config.events_max = 100;
  stage s{config};
  // The flood never says ready: beats alone are allowed before it.
  size_t largest = 0;
  for (int round = 0; round < 200; ++round) {
    auto before = s.driver.beats.size();
    REQUIRE(s.wait([&] { return s.driver.beats.size() > before; }));
    largest = std::max(largest, s.driver.beats.size() - before);
  }
  // One read beyond the bound: 64 KiB of the shortest beats.
  CHECK(largest <= 100 + (64u << 10) / 12);
  CHECK_FALSE(s.driver.died);
}

TEST_CASE("what an engine started dies with it", "[models][engine_process]") {
  stage s{"orphan"};
  REQUIRE(s.wait_ready());
  auto grandchild = number_after(s.lines(), "grandchild ");
  REQUIRE(grandchild);
  CHECK(alive(*grandchild));
  s.engine().admit(
    with_script(1, {.fail_at_token = 0, .fail_code = "segv", .crash = true}));
  REQUIRE(s.wait_died());
  CHECK_THAT(s.reason(), ContainsSubstring("signal 11"));
  CHECK(eventually([&] { return !alive(*grandchild); }));
}

TEST_CASE("a babbling engine costs bounded lines and still serves",
          "[models][engine_process][hostile]") {
  stage s{"babble"};
  REQUIRE(s.wait_ready());
  auto request = make_attempt(1);
  s.engine().admit(request);
  REQUIRE(s.wait([&] { return s.story(request).finished.has_value(); }));
  CHECK(s.lines().size() >= 1);
  CHECK(s.lines().size() < 20'000);
}
