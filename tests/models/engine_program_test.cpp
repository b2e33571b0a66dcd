// The real `troupe-engine`, as a person and as a node starts it.
#include "tests/support/engine_stage.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <sys/wait.h>

using namespace troupe;
using Catch::Matchers::ContainsSubstring;
using tests::engine_stage;

namespace {

const std::string engine_path = std::string{TROUPE_BIN_DIR} + "/troupe-engine";

struct shell_answer {
  int status = -1;
  std::string text; ///< Both outputs.
};

/// As typed in a terminal: no socket on descriptor 3.
shell_answer by_hand(const std::string& arguments) {
  auto line = engine_path + arguments + " 2>&1 3<&-";
  shell_answer answer;
  auto* pipe = ::popen(line.c_str(), "r");
  REQUIRE(pipe != nullptr);
  char buffer[512];
  while (auto n = std::fread(buffer, 1, sizeof buffer, pipe))
    answer.text.append(buffer, n);
  answer.status = WEXITSTATUS(::pclose(pipe));
  return answer;
}

models::engine_process_config started_with(std::string kind, std::string path) {
  models::engine_process_config config;
  config.executable = engine_path;
  config.backend.kind = std::move(kind);
  config.backend.path = std::move(path);
  return config;
}

/// A checkpoint of random weights, small enough for the repository.
models::engine_process_config tiny_llama(uint32_t slots) {
  auto config = started_with("torch_decoder", std::string{TROUPE_SOURCE_DIR}
                                                + "/tests/golden/tiny_llama");
  config.backend.slots = slots;
  return config;
}

void wait_loaded(engine_stage& s) {
  REQUIRE(s.wait([&] { return s.driver.ready || s.driver.died; }));
  if (s.driver.died && s.reason().find("no LibTorch") != std::string::npos)
    SKIP("this build has no LibTorch");
  CAPTURE(s.reason());
  REQUIRE(s.driver.ready);
}

models::attempt_request greedy(uint64_t n, const std::string& prompt,
                               uint32_t tokens) {
  auto request = tests::make_attempt(n);
  request.task = runtime::task_kind::complete;
  request.text = prompt;
  request.params.temperature = 0.0;
  request.params.max_output_tokens = tokens;
  return request;
}

} // namespace

TEST_CASE("an engine started by hand says what it is",
          "[models][engine_program]") {
  auto help = by_hand(" --help");
  CHECK(help.status == 0);
  CHECK_THAT(help.text, ContainsSubstring("usage: troupe-engine"));
  auto version = by_hand(" --version");
  CHECK(version.status == 0);
  CHECK_THAT(version.text, ContainsSubstring("protocol 2"));
  for (const char* arguments :
       {"", " --nonsense", " --help me", " </dev/null"}) {
    auto answer = by_hand(arguments);
    CHECK(answer.status == 2);
    CHECK_THAT(answer.text, ContainsSubstring("troupe-engine --help"));
  }
}

TEST_CASE("an engine refuses a model that it cannot load",
          "[models][engine_program]") {
  engine_stage unknown{started_with("crystal_ball", "/tmp")};
  REQUIRE(unknown.wait_died());
  CHECK_THAT(unknown.reason(), ContainsSubstring("crystal_ball"));
  CHECK_THAT(unknown.reason(), ContainsSubstring("exit status 3"));
  engine_stage missing{started_with("torch_decoder", "/nonexistent/model")};
  REQUIRE(missing.wait_died());
  CHECK_THAT(missing.reason(), ContainsSubstring("exit status 3"));
  CHECK_THAT(missing.reason(), ContainsSubstring("/nonexistent/model")
                                 || ContainsSubstring("no LibTorch"));
  CHECK(tests::children().empty());
}

TEST_CASE("a real model says the same alone and in company",
          "[models][engine_program][torch]") {
  const std::vector<std::string> prompts{"Package: sh", "a", "Description: x y",
                                         "größe"};
  std::map<std::string, std::string> alone;
  engine_stage s{tiny_llama(4)};
  wait_loaded(s);
  CHECK(s.driver.ready->description.kind == "torch_decoder");
  uint64_t n = 0;
  for (const auto& prompt : prompts) {
    auto request = greedy(++n, prompt, 40);
    s.engine().admit(request);
    REQUIRE(s.wait([&] { return s.story(request).ended(); }));
    auto& a = s.story(request);
    REQUIRE(a.finished);
    CHECK(a.began);
    CHECK(a.input_tokens > 0);
    CHECK(a.tokens == a.finished->output_tokens);
    CHECK(a.tokens <= 40);
    alone[prompt] = a.text;
  }
  std::vector<models::attempt_request> together;
  for (const auto& prompt : prompts)
    together.push_back(greedy(++n, prompt, 40));
  for (const auto& request : together)
    s.engine().admit(request);
  REQUIRE(s.wait([&] {
    return std::ranges::all_of(
      together, [&](const auto& x) { return s.story(x).ended(); });
  }));
  for (const auto& request : together)
    CHECK(s.story(request).text == alone[request.text]);
}

TEST_CASE("a real model that is killed is continued by another process",
          "[models][engine_program][torch]") {
  constexpr uint32_t tokens = 120;
  std::string said;
  uint32_t said_tokens = 0;
  {
    engine_stage s{tiny_llama(1)};
    wait_loaded(s);
    auto request = greedy(1, "Package: sh", tokens);
    s.engine().admit(request);
    REQUIRE(s.wait([&] { return s.story(request).tokens > 0; }));
    auto running = tests::children();
    REQUIRE(running.size() == 1);
    ::kill(running[0].pid, SIGKILL);
    REQUIRE(s.wait_died());
    said = s.story(request).text;
    said_tokens = s.story(request).tokens;
  }
  engine_stage s{tiny_llama(1)};
  wait_loaded(s);
  auto rest = greedy(1, "Package: sh", tokens);
  rest.id.attempt = 2;
  rest.prefix = said;
  rest.prefix_tokens = said_tokens;
  s.engine().admit(rest);
  REQUIRE(s.wait([&] { return s.story(rest).ended(); }));
  auto& a = s.story(rest);
  REQUIRE(a.finished);
  CHECK(a.finished->output_tokens == a.tokens);
  CHECK(said_tokens + a.tokens <= tokens);
  if (a.finished->finish == runtime::finish_reason::length)
    CHECK(said_tokens + a.tokens == tokens);
}

TEST_CASE("a real model parks an attempt and goes on with the same text",
          "[models][engine_program][torch][preemption]") {
  constexpr uint32_t tokens = 200;
  engine_stage s{tiny_llama(1)};
  wait_loaded(s);
  REQUIRE(s.driver.ready->description.can_park);
  CHECK(s.driver.ready->description.switch_cost_us >= 0);
  auto alone = greedy(1, "Package: sh", tokens);
  s.engine().admit(alone);
  REQUIRE(s.wait([&] { return s.story(alone).ended(); }));
  REQUIRE(s.story(alone).finished);

  auto again = greedy(2, "Package: sh", tokens);
  s.engine().admit(again);
  REQUIRE(s.wait([&] { return s.story(again).tokens > 0; }));
  s.engine().park(again.id, true);
  REQUIRE(
    s.wait([&] { return s.story(again).parks > 0 || s.story(again).ended(); }));
  // Others write over its slot meanwhile.
  auto brief = greedy(3, "größe", 20);
  s.engine().admit(brief);
  REQUIRE(s.wait([&] { return s.story(brief).ended(); }));
  CHECK(s.story(brief).finished);
  s.engine().resume(again.id);
  REQUIRE(s.wait([&] { return s.story(again).ended(); }));
  REQUIRE(s.story(again).finished);
  CHECK(s.story(again).text == s.story(alone).text);
  CHECK(s.story(again).finished->output_tokens
        == s.story(alone).finished->output_tokens);
}

TEST_CASE("what a real model cannot take fails alone",
          "[models][engine_program][torch]") {
  engine_stage s{tiny_llama(2)};
  wait_loaded(s);
  auto large = greedy(1, std::string(20'000, 'x'), 5);
  auto embed = greedy(2, "x", 5);
  embed.task = runtime::task_kind::embed;
  s.engine().admit(large);
  s.engine().admit(embed);
  REQUIRE(
    s.wait([&] { return s.story(large).ended() && s.story(embed).ended(); }));
  REQUIRE(s.story(large).failed);
  CHECK(s.story(large).failed->why.code == runtime::errc::context_too_long);
  CHECK_FALSE(s.story(large).failed->transient);
  REQUIRE(s.story(embed).failed);
  CHECK(s.story(embed).failed->why.code == runtime::errc::unsupported);
  auto good = greedy(3, "ok", 5);
  s.engine().admit(good);
  REQUIRE(s.wait([&] { return s.story(good).ended(); }));
  CHECK(s.story(good).finished);
}

TEST_CASE("the demo model goes on in another process word for word",
          "[models][engine_program][torch]") {
  auto config = started_with("torch_decoder", std::string{TROUPE_SOURCE_DIR}
                                                + "/models/demo/writer");
  config.backend.slots = 1;
  const std::string prompt = "Package: libtroupe-dev\n";
  uint64_t jobs = 0;
  auto run = [&](engine_stage& s, const models::attempt_request& like) {
    auto request = like;
    request.id = tests::make_attempt(++jobs).id;
    s.engine().admit(request);
    auto& a = s.story(request);
    REQUIRE(s.wait([&] { return a.ended(); }));
    REQUIRE(a.finished);
    return std::pair{a.text, a.tokens};
  };
  engine_stage first{config};
  wait_loaded(first);
  auto [whole, tokens] = run(first, greedy(0, prompt, 100));
  REQUIRE(tokens > 20);
  engine_stage second{config};
  wait_loaded(second);
  for (uint32_t cut = 1; cut < tokens; cut += 6) {
    auto [said, said_tokens] = run(first, greedy(0, prompt, cut));
    REQUIRE(said_tokens == cut);
    auto rest = greedy(0, prompt, 100);
    rest.prefix = said;
    rest.prefix_tokens = said_tokens;
    auto [text, more] = run(second, rest);
    CHECK(said + text == whole);
    CHECK(said_tokens + more == tokens);
  }
}
