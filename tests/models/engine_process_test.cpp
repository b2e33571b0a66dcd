// Real engine processes in a node: what they serve, how they end. Time is
// virtual as far as supervision goes (`poll` is told it); what a process does is
// waited for.
#include "models/engine_process.hpp"

#include "tests/support/engine_stage.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <csignal>
#include <cstdlib>

#include <fcntl.h>

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

struct stage : engine_stage {
  using engine_stage::engine_stage;
  explicit stage(const std::string& script) : engine_stage{scripted(script)} {}
};

} // namespace

TEST_CASE("attempts run in a process and stream what they say",
          "[models][engine_process]") {
  stage s{""};
  REQUIRE(s.wait_ready());
  CHECK(s.driver.ready->description.kind == "scripted");
  CHECK(s.driver.ready->description.slots == 4);
  std::vector<models::attempt_request> requests;
  for (uint64_t n = 1; n <= 4; ++n)
    requests.push_back(with_script(n, {.tokens = 100 * n}));
  for (const auto& x : requests)
    s.engine().admit(x);
  REQUIRE(s.wait([&] {
    return std::ranges::all_of(
      requests, [&](const auto& x) { return s.story(x).ended(); });
  }));
  for (uint64_t n = 1; n <= 4; ++n) {
    auto& a = s.story(requests[n - 1]);
    CHECK(a.began);
    CHECK(a.text == whole_answer(100 * n));
    CHECK(a.tokens == 100 * n);
    CHECK(a.outputs.front().tokens == 1); // The first at once.
    CHECK(a.finished->input_tokens == 7);
    for (const auto& x : a.outputs)
      CHECK(x.tokens <= 16);
  }
}

TEST_CASE("an attempt goes on from a prefix", "[models][engine_process]") {
  stage s{""};
  auto request = with_script(1, {.tokens = 50});
  request.prefix = whole_answer(20);
  request.prefix_tokens = 20;
  s.engine().admit(request); // Before it is ready.
  REQUIRE(s.wait([&] { return s.story(request).finished.has_value(); }));
  CHECK(request.prefix + s.story(request).text == whole_answer(50));
  CHECK(s.story(request).finished->output_tokens == 30);
}

TEST_CASE("a cancelled attempt is silent and its slot free at once",
          "[models][engine_process]") {
  stage s{scripted("slow", 1)};
  REQUIRE(s.wait_ready());
  auto first = with_script(1, {.tokens = 1'000'000});
  auto second = with_script(2, {.tokens = 5});
  s.engine().admit(first);
  REQUIRE(s.wait([&] { return s.story(first).tokens > 3; }));
  auto refused = make_attempt(3);
  s.engine().admit(refused);
  s.driver.poll();
  REQUIRE(s.story(refused).failed);
  CHECK(s.story(refused).failed->why.code == errc::queue_full);
  CHECK(s.story(refused).failed->transient);
  s.engine().cancel(first.id);
  s.engine().cancel(make_attempt(99).id);
  auto heard = s.story(first).tokens;
  s.engine().admit(second);
  REQUIRE(s.wait([&] { return s.story(second).finished.has_value(); }));
  CHECK(s.story(first).tokens == heard);
  CHECK_FALSE(s.story(first).ended());
}

TEST_CASE("a parked attempt is silent, frees its slot and goes on",
          "[models][engine_process][preemption]") {
  stage s{scripted("slow", 1)};
  REQUIRE(s.wait_ready());
  CHECK(s.driver.ready->description.can_park);
  auto first = with_script(1, {.tokens = 400});
  auto second = with_script(2, {.tokens = 5});
  s.engine().admit(first);
  REQUIRE(s.wait([&] { return s.story(first).tokens > 3; }));
  s.engine().park(first.id, true);
  s.engine().park(make_attempt(99).id, true);
  REQUIRE(s.wait([&] { return s.story(first).parks == 1; }));
  auto heard = s.story(first).tokens;
  CHECK(heard < 400);
  s.engine().admit(second);
  REQUIRE(s.wait([&] { return s.story(second).finished.has_value(); }));
  CHECK(s.story(first).tokens == heard);
  s.engine().resume(first.id);
  REQUIRE(s.wait([&] { return s.story(first).finished.has_value(); }));
  CHECK(s.story(first).text == whole_answer(400));
  CHECK(s.story(first).tokens == 400);
  CHECK(s.story(first).parks == 1);
}

TEST_CASE("a parked attempt without a slot ends, a cancelled one is forgotten",
          "[models][engine_process][preemption]") {
  stage s{scripted("slow", 1)};
  REQUIRE(s.wait_ready());
  auto first = with_script(1, {.tokens = 1'000'000});
  auto second = with_script(2, {.tokens = 1'000'000});
  s.engine().admit(first);
  REQUIRE(s.wait([&] { return s.story(first).tokens > 3; }));
  s.engine().park(first.id, false);
  REQUIRE(s.wait([&] { return s.story(first).parks == 1; }));
  s.engine().admit(second);
  SECTION("no slot") {
    s.engine().resume(first.id);
    s.driver.poll();
    REQUIRE(s.story(first).failed);
    CHECK(s.story(first).failed->why.code == errc::queue_full);
    CHECK(s.story(first).failed->transient);
  }
  SECTION("cancelled") {
    s.engine().cancel(first.id);
    s.engine().cancel(second.id);
    s.engine().resume(first.id);
    auto third = with_script(3, {.tokens = 5});
    s.engine().admit(third);
    REQUIRE(s.wait([&] { return s.story(third).finished.has_value(); }));
    CHECK_FALSE(s.story(first).ended());
  }
}

TEST_CASE("a crash ends the engine with its cause and keeps what was said",
          "[models][engine_process]") {
  auto [how, cause] = GENERATE(table<std::string, std::string>(
    {{"segv", "signal 11"}, {"abort", "signal 6"}, {"exit", "exit status 9"}}));
  stage s{"slow"};
  REQUIRE(s.wait_ready());
  auto bad =
    with_script(1, {.fail_at_token = 60, .fail_code = how, .crash = true});
  bad.simulate->tokens = 100;
  s.engine().admit(bad);
  REQUIRE(s.wait_died());
  CHECK(s.driver.died->why.code == errc::worker_lost);
  CHECK_THAT(s.reason(), ContainsSubstring(cause));
  CHECK(s.story(bad).tokens > 0);
  CHECK(s.story(bad).tokens <= 60);
  CHECK(whole_answer(100).starts_with(s.story(bad).text));
  CHECK_FALSE(s.story(bad).ended());
  CHECK(children().empty());
  CHECK_FALSE(s.engine().next_due());
  s.engine().admit(make_attempt(2)); // Nothing follows the death.
  CHECK(s.engine().poll(s.driver.now).empty());
}

TEST_CASE("an exception out of a model is told and ends the process",
          "[models][engine_process]") {
  stage s{""};
  REQUIRE(s.wait_ready());
  s.engine().admit(with_script(1, {.fail_at_token = 3, .fail_code = "throw"}));
  REQUIRE(s.wait_died());
  CHECK(s.reason() == "the model threw: scripted ? exception (exit status 5)");
}

TEST_CASE("a failed attempt leaves its neighbours alone",
          "[models][engine_process]") {
  stage s{""};
  REQUIRE(s.wait_ready());
  auto bad = with_script(1, {.tokens = 50, .fail_at_token = 30});
  auto good = with_script(2, {.tokens = 200});
  s.engine().admit(bad);
  s.engine().admit(good);
  REQUIRE(s.wait([&] { return s.story(good).finished.has_value(); }));
  REQUIRE(s.story(bad).failed);
  CHECK(s.story(bad).tokens == 30);
  CHECK(s.story(bad).failed->why.context == "scripted ? failure");
  CHECK(s.story(bad).failed->why.code == errc::model_error);
}

TEST_CASE("a model that does not load says what and where",
          "[models][engine_process]") {
  stage s{"load_fails"};
  auto waiting = make_attempt(1);
  s.engine().admit(waiting);
  REQUIRE(s.wait_died());
  CHECK(s.driver.died->why.code == errc::config_invalid);
  CHECK(s.reason()
        == "model.safetensors: no tensor lm_head.weight (exit status 3)");
  CHECK_FALSE(s.driver.ready);
  CHECK(children().empty());
}

TEST_CASE("an engine that ends while loading is reported",
          "[models][engine_process]") {
  auto [script, cause] =
    GENERATE(table<std::string, std::string>({{"load_exits", "exit status 7"},
                                              {"load_segv", "signal 11"},
                                              {"load_abort", "signal 6"}}));
  stage s{script};
  REQUIRE(s.wait_died());
  CHECK_THAT(s.reason(), ContainsSubstring(cause));
  CHECK(children().empty());
}

TEST_CASE("a missing program is a death with its path",
          "[models][engine_process]") {
  auto config = scripted("");
  config.executable = "/nonexistent/troupe-engine";
  stage s{config};
  REQUIRE(s.wait_died());
  CHECK(s.driver.died->why.code == errc::io_error);
  CHECK_THAT(s.reason(),
             ContainsSubstring("/nonexistent/troupe-engine: No such file"));
}

TEST_CASE("an attempt larger than a frame is invalid, and only it",
          "[models][engine_process]") {
  stage s{""};
  REQUIRE(s.wait_ready());
  auto large = make_attempt(1);
  large.text.assign(models::frame_length_max, 'x');
  auto small = make_attempt(2);
  s.engine().admit(large);
  s.engine().admit(small);
  REQUIRE(s.wait([&] { return s.story(small).finished.has_value(); }));
  REQUIRE(s.story(large).failed);
  CHECK(s.story(large).failed->why.code == errc::context_too_long);
  CHECK_FALSE(s.story(large).failed->transient);
}

TEST_CASE("an engine killed from outside is noticed at once",
          "[models][engine_process]") {
  stage s{""};
  REQUIRE(s.wait_ready());
  auto running = children();
  REQUIRE(running.size() == 1);
  ::kill(running[0].pid, SIGKILL);
  REQUIRE(s.wait_died());
  CHECK_THAT(s.reason(),
             ContainsSubstring("signal 9 (Killed); killed from outside"));
  CHECK(children().empty());
}

TEST_CASE("a killed engine says so, also right after its start",
          "[models][engine_process]") {
  for (int round = 0; round < 20; ++round) {
    stage s{""};
    if (round % 2 == 0)
      REQUIRE(s.wait_ready());
    s.engine().kill();
    s.engine().kill();
    REQUIRE(s.wait_died());
    CHECK(s.reason().starts_with("the engine was stopped"));
    CHECK(children().empty());
  }
}

TEST_CASE("an engine gets no secrets and keeps no rights",
          "[models][engine_process]") {
  ::setenv("TROUPE_SOME_KEY", "secret", 1);
  auto inheritable = ::open("/dev/null", O_RDONLY); // Not close-on-exec.
  auto config = scripted("confess");
  config.backend.threads = 3;
  stage s{config};
  REQUIRE(s.wait_ready());
  s.drop(); // Ends the log, too.
  ::close(inheritable);
  ::unsetenv("TROUPE_SOME_KEY");
  auto lines = s.lines();
  auto has = [&](const char* line) {
    return std::ranges::find(lines, line) != lines.end();
  };
  CHECK(has("env OMP_NUM_THREADS=3"));
  CHECK_FALSE(has("env TROUPE_SOME_KEY=secret"));
  CHECK(std::ranges::count_if(
          lines, [](const auto& x) { return x.starts_with("open "); })
        == 4);
  CHECK(has("open 3"));
  CHECK(has("core 0"));
  CHECK(has("no_new_privs 1"));
  CHECK(has("parent_signal 9"));
  CHECK(has("group_leader 1"));
}

TEST_CASE("a node that is killed leaves no engine behind",
          "[models][engine_process]") {
  // node_idle: the engine reads the end of its socket. node_hang: it hangs in
  // a step and reads nothing.
  auto [script, line] = GENERATE(table<std::string, std::string>(
    {{"node_idle", "loaded "}, {"node_hang", "hangs "}}));
  models::child_command command{
    .executable = fake_path, .arguments = {"node", script}, .environment = {}};
  auto node = models::child_process::spawn(command);
  REQUIRE(node.has_value());
  ::fcntl(node->diagnostics(), F_SETFL, 0); // Reads may wait from here on.
  std::string text;
  std::optional<int> engine;
  while (!engine) {
    char buffer[256];
    auto n = ::read(node->diagnostics(), buffer, sizeof buffer);
    REQUIRE(n > 0);
    text.append(buffer, static_cast<size_t>(n));
    auto at = text.find(line);
    if (at != std::string::npos && text.find('\n', at) != std::string::npos)
      engine = std::atoi(text.c_str() + at + line.size());
  }
  REQUIRE(alive(*engine));
  ::kill(node->pid(), SIGKILL);
  node->reap();
  CHECK(eventually([&] { return !alive(*engine); }));
}

TEST_CASE("a thousand starts leave no descriptor, thread or zombie",
          "[models][engine_process][slow]") {
  { // Whatever the first start opens once and for all.
    stage s{""};
    REQUIRE(s.wait_ready());
  }
  auto descriptors = entries("/proc/self/fd");
  auto threads = entries("/proc/self/task");
  for (int i = 0; i < 1000; ++i) {
    stage s{i % 10 == 0 ? "load_exits" : ""};
    if (i % 10 == 0)
      REQUIRE(s.wait_died());
    else if (i % 3 != 0)
      REQUIRE(s.wait_ready());
  }
  CHECK(entries("/proc/self/fd") == descriptors);
  CHECK(entries("/proc/self/task") == threads);
  CHECK(children().empty());
}
