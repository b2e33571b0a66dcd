// Runs the command line inside the test, with streams and environment of the
// test's own.
#pragma once

#include "cluster/cli/cli_context.hpp"

#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace troupe::tests {

class cli_run {
public:
  std::map<std::string, std::string> environment;
  std::string input;
  bool terminal = false;
  bool input_terminal = false;
  int stop_fd = -1;

  /// Returns the exit code.
  int run(const std::vector<std::string>& arguments) {
    std::istringstream in{input};
    out_.str("");
    err_.str("");
    cluster::cli_context context{
      .in = in, .out = out_, .err = err_, .out_is_terminal = terminal};
    context.in_is_terminal = input_terminal;
    context.environment = [this](const std::string& name) {
      auto found = environment.find(name);
      return found == environment.end()
               ? std::nullopt
               : std::optional<std::string>{found->second};
    };
    context.arm_stop = [this] { return stop_fd; };
    context.serve = [this](const std::string& file) {
      served.push_back(file);
      return 11;
    };
    return cluster::run_cli(arguments, context);
  }
  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }
  bool complains(const std::string& part) const {
    return err().find(part) != std::string::npos;
  }
  std::vector<std::string> served; ///< Configuration files of `serve`.

private:
  std::ostringstream out_;
  std::ostringstream err_;
};

} // namespace troupe::tests
