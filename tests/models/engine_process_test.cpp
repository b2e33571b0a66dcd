// Real child processes that crash, hang, lie and babble. Time is virtual as far
// as supervision goes (`poll` is told it); what a process does is waited for.
#include "models/engine_process.hpp"

#include "tests/support/engine_driver.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fcntl.h>

using namespace troupe;
using models::engine_process;
using models::engine_process_config;
using runtime::errc;
using tests::make_attempt;
using Catch::Matchers::ContainsSubstring;
using std::chrono::seconds;

namespace {

const std::string fake_path = std::string{TROUPE_BIN_DIR}
                              + "/troupe-engine-fake";

/// Patience with the machine, not a measurement.
constexpr auto patience = seconds{60};

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

/// One engine process, and all that it said.
class stage {
public:
  explicit stage(engine_process_config config)
    : engine_{std::make_unique<engine_process>(recorded(std::move(config)))},
      driver{*engine_} {
    engine_->start([this] {
      std::lock_guard lock{mutex_};
      woken_ = true;
      changed_.notify_one();
    });
  }
  explicit stage(const std::string& script) : stage{scripted(script)} {}
  ~stage() { engine_.reset(); }

  engine_process& engine() { return *engine_; }
  void drop() { engine_.reset(); }
  tests::attempt_story& story(const models::attempt_request& request) {
    return driver.attempts[request.id];
  }

  /// Polls whenever woken, without moving time, until `done`.
  bool wait(auto done) {
    auto& clock = runtime::system_clock();
    auto end = clock.mono() + patience;
    while (true) {
      driver.poll();
      if (done())
        return true;
      auto left = end - clock.mono();
      if (left <= left.zero())
        return false;
      std::unique_lock lock{mutex_};
      changed_.wait_for(lock, left, [&] { return woken_; });
      woken_ = false;
    }
  }
  bool wait_ready() {
    return wait([this] { return driver.ready.has_value(); });
  }
  bool wait_died() {
    return wait([this] { return driver.died.has_value(); });
  }
  /// Moves time as an owner without any wake-up would.
  void skip(seconds span) {
    auto end = driver.now + span;
    while (!driver.died && engine_->next_due() && *engine_->next_due() < end) {
      driver.now = std::max(driver.now, *engine_->next_due());
      driver.poll();
    }
  }
  std::string reason() const {
    return driver.died ? driver.died->why.context : "(alive)";
  }
  std::vector<std::string> lines() {
    std::lock_guard lock{mutex_};
    return lines_;
  }

private:
  engine_process_config recorded(engine_process_config config) {
    config.log = [this](std::string_view line) {
      std::lock_guard lock{mutex_};
      lines_.emplace_back(line);
      woken_ = true;
      changed_.notify_one();
    };
    return config;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::vector<std::string> lines_;
  std::unique_ptr<engine_process> engine_;

public:
  tests::engine_driver driver;
};

struct process_row {
  pid_t pid = 0;
  char state = 'Z';
};

/// This process's children, zombies included.
std::vector<process_row> children() {
  std::vector<process_row> found;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
    std::ifstream file{entry.path() / "stat"};
    std::string text;
    if (!std::getline(file, text))
      continue;
    // pid (name) state ppid ...; the name may hold anything.
    auto after = text.substr(text.rfind(')') + 2);
    if (std::atoi(after.c_str() + 2) == ::getpid())
      found.push_back({std::atoi(text.c_str()), after[0]});
  }
  return found;
}

bool alive(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text;
  return std::getline(file, text) && text.substr(text.rfind(')'))[2] != 'Z';
}

/// For what sends no wake-up.
bool eventually(auto condition) {
  auto& clock = runtime::system_clock();
  auto end = clock.mono() + patience;
  while (!condition()) {
    if (clock.mono() > end)
      return false;
    std::this_thread::yield();
  }
  return true;
}

size_t entries(const char* folder) {
  std::filesystem::directory_iterator it{folder};
  return static_cast<size_t>(std::distance(begin(it), end(it)));
}

std::string whole_answer(uint32_t tokens) {
  std::string text;
  for (uint32_t i = 0; i < tokens; ++i)
    text += (i == 0 ? "t" : " t") + std::to_string(i);
  return text;
}

models::attempt_request with_script(uint64_t n,
                                    runtime::simulate_params script) {
  auto request = make_attempt(n);
  request.simulate = script;
  return request;
}

/// The number after `word` in the lines of a log.
std::optional<int> number_after(const std::vector<std::string>& lines,
                                std::string_view word) {
  for (const auto& line : lines)
    if (line.starts_with(word))
      return std::atoi(line.c_str() + word.size());
  return std::nullopt;
}

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

TEST_CASE("a crash ends the engine with its cause and keeps what was said",
          "[models][engine_process]") {
  auto [how, cause] = GENERATE(
    table<std::string, std::string>({{"segv", "signal 11"},
                                     {"abort", "signal 6"},
                                     {"exit", "exit status 9"}}));
  stage s{"slow"};
  REQUIRE(s.wait_ready());
  auto bad = with_script(1, {.fail_at_token = 60,
                             .fail_code = how,
                             .crash = true});
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
  CHECK(s.reason()
        == "the model threw: scripted ? exception (exit status 5)");
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
  auto [script, cause] = GENERATE(
    table<std::string, std::string>({{"load_exits", "exit status 7"},
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
  CHECK_THAT(s.reason(), ContainsSubstring("/nonexistent/troupe-engine: No such file"));
}

TEST_CASE("an engine that breaks the protocol is killed",
          "[models][engine_process][hostile]") {
  auto script = GENERATE(
    as<std::string>{}, "garbage", "text", "oversize", "bad_version",
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
  REQUIRE(s.wait([&] { return number_after(s.lines(), "hangs ").has_value(); }));
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
  CHECK_THAT(s.reason(), ContainsSubstring("no step for 30 s with a busy slot"));
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

TEST_CASE("an engine killed from outside is noticed at once",
          "[models][engine_process]") {
  stage s{""};
  REQUIRE(s.wait_ready());
  auto running = children();
  REQUIRE(running.size() == 1);
  ::kill(running[0].pid, SIGKILL);
  REQUIRE(s.wait_died());
  CHECK_THAT(s.reason(), ContainsSubstring("signal 9 (Killed); killed from outside"));
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
  CHECK(std::ranges::count_if(lines, [](const auto& x) {
          return x.starts_with("open ");
        }) == 4);
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
  models::child_command command{.executable = fake_path,
                                .arguments = {"node", script},
                                .environment = {}};
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
