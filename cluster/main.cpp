// The `troupe` program: hands the process's own streams and signals to the
// command line.
#include "cluster/cli/cli_context.hpp"
#include "cluster/cli/interrupt.hpp"
#include "cluster/node.hpp"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

std::optional<std::string> from_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>{value} : std::nullopt;
}

std::string own_path(const char* name) {
  std::error_code error;
  auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string{name ? name : "troupe"} : path.string();
}

} // namespace

int main(int argc, char** argv) {
  using namespace troupe::cluster;
  std::vector<std::string> arguments{argv + (argc > 0 ? 1 : 0), argv + argc};
  auto executable = own_path(argc > 0 ? argv[0] : nullptr);
  cli_context context{.in = std::cin,
                      .out = std::cout,
                      .err = std::cerr,
                      .out_is_terminal = isatty(STDOUT_FILENO) == 1,
                      .in_is_terminal = isatty(STDIN_FILENO) == 1,
                      .environment = from_environment,
                      .executable = executable};
  context.serve = [&](const std::string& config_file) {
    return run_node({.config_file = config_file, .executable = executable});
  };
  std::optional<interrupt> stop;
  context.arm_stop = [&] {
    if (!stop)
      stop.emplace();
    return stop->fd();
  };
  return run_cli(arguments, context);
}
