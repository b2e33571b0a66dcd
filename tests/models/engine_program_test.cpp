// The real `troupe-engine`, as a person and as a node starts it.
#include "tests/support/engine_stage.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

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

} // namespace

TEST_CASE("an engine started by hand says what it is",
          "[models][engine_program]") {
  auto help = by_hand(" --help");
  CHECK(help.status == 0);
  CHECK_THAT(help.text, ContainsSubstring("usage: troupe-engine"));
  auto version = by_hand(" --version");
  CHECK(version.status == 0);
  CHECK_THAT(version.text, ContainsSubstring("protocol 1"));
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
