#include "tests/bench/child_process.hpp"
#include "tests/bench/commands.hpp"

#include <cstdio>
#include <memory>

namespace troupe::bench {

namespace {

struct variant {
  std::string name;
  std::vector<std::string> arguments; ///< After the executable.
};

std::vector<variant> all_variants() {
  const auto skeleton = [](std::string name, std::vector<std::string> more) {
    more.insert(more.begin(), "skeleton-server");
    return variant{std::move(name), std::move(more)};
  };
  return {
    {"ceiling", {"ceiling-server"}},
    skeleton("sharing-1", {"--policy", "sharing", "--threads", "1"}),
    skeleton("sharing-2", {"--policy", "sharing", "--threads", "2"}),
    skeleton("stealing-1", {"--policy", "stealing", "--threads", "1"}),
    skeleton("stealing-2", {"--policy", "stealing", "--threads", "2"}),
    skeleton("throughput-20", {"--throughput", "20"}),
    skeleton("throughput-1000", {"--throughput", "1000"}),
    skeleton("journal-thread", {"--journal", "thread"}),
    skeleton("shard-detached", {"--shard", "detached"}),
  };
}

// One figure set per (variant, step): rate, p50, p99, CPU time per request.
struct samples {
  std::vector<double> rate, p50, p99, cpu_us;
};

struct step {
  std::string name;
  uint32_t connections;
  double rate_per_s;
};

const std::vector<step> steps{
  {"1 connection", 1, 0}, {"64 connections", 64, 0}, {"500/s", 64, 500}};

class skeleton_bench {
public:
  skeleton_bench(const bench_options& options, std::string engine)
    : options_(options), engine_(std::move(engine)), scratch_(options.scratch) {
  }

  void measure(const variant& which, uint32_t repeat) {
    auto argv = which.arguments;
    argv.insert(argv.begin(), own_executable());
    argv.insert(argv.end(),
                {"--dir", scratch_.sub(which.name + std::to_string(repeat))});
    std::unique_ptr<child_process> busy;
    if (engine_ != "idle") {
      const std::string niceness = engine_ == "busy-nice" ? "10" : "0";
      const std::string policy = engine_ == "busy-batch"  ? "batch"
                                 : engine_ == "busy-idle" ? "idle"
                                                          : "other";
      busy = std::make_unique<child_process>(
        std::vector<std::string>{own_executable(), "busy-loop", "--core", "1",
                                 "--nice", niceness, "--policy", policy},
        scratch_.sub("busy.log"));
      busy->await_listening();
    }
    child_process server{argv, scratch_.sub("server.log")};
    server.await_listening();
    for (const auto& step : steps) {
      load_plan plan{.port = server.gateway_port(),
                     .connections = step.connections,
                     .rate_per_s = step.rate_per_s,
                     .duration_s = options_.duration_s,
                     .requests = job_requests(options_.seed, 256, "sim", 1024)};
      const auto cpu = server.cpu_seconds();
      const auto got = run_load(plan);
      auto& to = samples_[which.name][step.name];
      to.rate.push_back(got.per_second());
      to.p50.push_back(to_ms(got.latency.quantile(0.5)));
      to.p99.push_back(to_ms(got.latency.quantile(0.99)));
      const auto share = plan.duration_s / (plan.duration_s + plan.warmup_s);
      to.cpu_us.push_back((server.cpu_seconds() - cpu) * share * 1e6
                          / static_cast<double>(std::max<uint64_t>(got.ok, 1)));
      if (got.errors > 0)
        std::fprintf(stderr, "%s: %llu errors, first: %s\n", which.name.c_str(),
                     static_cast<unsigned long long>(got.errors),
                     got.first_error.c_str());
    }
  }

  void print(report& out, const std::vector<variant>& variants) const {
    for (const auto& step : steps) {
      out.columns({"engine " + engine_ + ", " + step.name, "per second",
                   "of ceiling", "p50 ms", "x ceiling", "p99 ms", "x ceiling",
                   "server CPU us/request"});
      const auto& line = samples_.at("ceiling").at(step.name);
      for (const auto& which : variants) {
        const auto& got = samples_.at(which.name).at(step.name);
        const auto ratio = [](const std::vector<double>& a,
                              const std::vector<double>& b) {
          return fixed(median(a) / median(b), 2);
        };
        out.row({which.name, fixed(median(got.rate), 0),
                 ratio(got.rate, line.rate), fixed(median(got.p50), 3),
                 ratio(got.p50, line.p50), fixed(median(got.p99), 3),
                 ratio(got.p99, line.p99), fixed(median(got.cpu_us), 1)});
        const auto key = engine_ + '/' + which.name + '/' + step.name;
        out.figure(key + "/per_s", median(got.rate));
        out.figure(key + "/p50_ms", median(got.p50));
        out.figure(key + "/p99_ms", median(got.p99));
        out.figure(key + "/cpu_us", median(got.cpu_us));
      }
    }
  }

private:
  const bench_options& options_;
  std::string engine_;
  scratch_dir scratch_;
  std::map<std::string, std::map<std::string, samples>> samples_;
};

} // namespace

int bench_skeleton(const bench_options& options, const std::string& only,
                   const std::vector<std::string>& engines) {
  std::vector<variant> variants;
  for (auto& which : all_variants())
    if (which.name == "ceiling" || only.empty()
        || only.find(which.name) != std::string::npos)
      variants.push_back(std::move(which));
  report out{"experiment (a): the accept road as a skeleton"};
  std::vector<std::unique_ptr<skeleton_bench>> benches;
  for (const auto& engine : engines)
    benches.push_back(std::make_unique<skeleton_bench>(options, engine));
  for (uint32_t repeat = 0; repeat < options.repeats; ++repeat)
    for (const auto& bench : benches)
      for (const auto& which : variants)
        bench->measure(which, repeat);
  for (const auto& bench : benches)
    bench->print(out, variants);
  return out.finish(options);
}

} // namespace troupe::bench
