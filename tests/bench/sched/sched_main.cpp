// troupe-schedsim: the scheduler's classes on virtual time, held against closed
// forms, baselines and the gates of the design. docs/scheduling-simulator.md.
#include "tests/bench/sched/gate_report.hpp"
#include "tests/bench/sched/job_trace.hpp"

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdio>
#include <fstream>

namespace troupe::bench {
namespace {

constexpr int failed_gate = 1;
constexpr int wrong_usage = 2;

struct command_line {
  bool check = false;
  std::string gate; ///< A name, or all.
  std::string seeds = "1-8";
  std::string trace_file;
  std::string json_file;
  bool quick = false;
};

/// "3" or "1-8"; at most 1,000 seeds.
std::vector<uint64_t> parse_seeds(const std::string& text) {
  uint64_t first = 0, last = 0;
  auto end = text.data() + text.size();
  auto [dash, failed] = std::from_chars(text.data(), end, first);
  last = first;
  if (failed == std::errc{} && dash != end && *dash == '-')
    std::tie(dash, failed) = [&] {
      auto [p, e] = std::from_chars(dash + 1, end, last);
      return std::tuple{p, e};
    }();
  if (failed != std::errc{} || dash != end || last < first
      || last - first >= 1000)
    throw CLI::ValidationError{"--seeds", "wants N or FIRST-LAST"};
  std::vector<uint64_t> seeds;
  for (auto s = first; s <= last; ++s)
    seeds.push_back(s);
  return seeds;
}

bool is_wanted(const gate& g, const std::string& name) {
  return g.run && (name == "all" || name == "G10" || name == g.name);
}

void check_name(const std::string& name) {
  if (name == "all" || name == "G10")
    return;
  for (const auto& g : gates())
    if (name == g.name) {
      if (g.run)
        return;
      throw CLI::ValidationError{"--gate", name + " is not built"};
    }
  throw CLI::ValidationError{"--gate", "no gate '" + name + "'"};
}

std::vector<gate_result> run_gates(const std::string& name,
                                   const run_options& options) {
  std::vector<gate_result> results;
  for (const auto& g : gates()) {
    if (!is_wanted(g, name))
      continue;
    results.push_back(g.run(options));
    print(results.back());
  }
  auto starvation = starvation_gate(results);
  if (starvation.audit.jobs == 0)
    return results; // G9's orders have no keys: nothing was promised
  if (name == "all" || name == "G10")
    starvation.at_least("jobs for which the bound was put to the test",
                        static_cast<double>(starvation.audit.waited), 1);
  print(starvation);
  if (name == "G10")
    results.clear(); // the others only gave it something to look at
  results.push_back(std::move(starvation));
  return results;
}

int run(const command_line& line) {
  run_options options{.seeds = parse_seeds(line.seeds), .quick = line.quick};
  if (!line.gate.empty())
    check_name(line.gate);
  std::ofstream trace;
  if (!line.trace_file.empty()) {
    trace.open(line.trace_file);
    write_header(trace);
    options.trace = &trace;
  }
  std::vector<check_line> checks;
  std::vector<gate_result> results;
  bool passed = true;
  if (line.check) {
    checks =
      self_check(line.quick ? 2'400'000 : 10'000'000, options.seeds.front());
    print(checks);
    for (const auto& c : checks)
      passed = passed && c.passed();
  }
  if (!line.gate.empty()) {
    results = run_gates(line.gate, options);
    print_verdicts(results);
    for (const auto& r : results)
      passed = passed && r.passed();
  }
  if (!trace.flush() && options.trace)
    throw std::runtime_error{"cannot write " + line.trace_file};
  if (!line.json_file.empty()
      && !write_json(line.json_file, options, checks, results))
    throw std::runtime_error{"cannot write " + line.json_file};
  return passed ? 0 : failed_gate;
}

int run(int argc, char** argv) {
  CLI::App app{"Simulates the scheduler on virtual time: self-check and gates. "
               "Same seeds, same output.",
               "troupe-schedsim"};
  command_line line;
  app.add_flag("--check", line.check,
               "hold the simulator against closed forms, 10^7 jobs");
  app.add_option("--gate", line.gate, "G1 .. G10 of the design, or all");
  app.add_option("--seeds", line.seeds, "pooled: N or FIRST-LAST")
    ->capture_default_str();
  app.add_option("--trace", line.trace_file,
                 "CSV of the first seed's jobs, 100,000 of each run");
  app.add_option("--json", line.json_file, "also write figures here");
  app.add_flag("--quick", line.quick, "short runs: figures are rough");
  try {
    app.parse(argc, argv);
    if (!line.check && line.gate.empty())
      throw CLI::RequiredError{"--check or --gate"};
    return run(line);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : wrong_usage;
  }
}

} // namespace
} // namespace troupe::bench

int main(int argc, char** argv) {
  try {
    return troupe::bench::run(argc, argv);
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "troupe-schedsim: %s\n", failed.what());
    return 1;
  }
}
