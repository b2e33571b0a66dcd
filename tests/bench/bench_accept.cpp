#include "tests/bench/commands.hpp"
#include "tests/bench/node_under_test.hpp"

#include <filesystem>

namespace troupe::bench {

namespace {

struct step {
  std::string name;
  std::string key;
  uint32_t connections;
  double rate_per_s;
};

// The paced step comes first, on an empty store.
const std::vector<step> steps{{"500/s", "r500", 64, 500},
                              {"1 connection", "c1", 1, 0},
                              {"16 connections", "c16", 16, 0},
                              {"64 connections", "c64", 64, 0},
                              {"256 connections", "c256", 256, 0}};

struct samples {
  std::vector<double> rate, p50, p99, p999, cpu_us;
};
using side = std::map<std::string, samples>;

class accept_bench {
public:
  explicit accept_bench(const bench_options& options)
    : options_(options), scratch_(options.scratch) {}

  void run() {
    for (uint32_t repeat = 0; repeat < options_.repeats; ++repeat) {
      const auto sync = measure_fdatasync(scratch_.path(), 1.0);
      sync_p50_.push_back(to_ms(sync.quantile(0.5)));
      sync_p99_.push_back(to_ms(sync.quantile(0.99)));
      // Which one goes first alternates, so that a drifting disk is fair.
      for (const bool troupe : {repeat % 2 == 0, repeat % 2 != 0})
        measure(troupe, repeat);
    }
  }

  int print() const {
    report out{"accept: durable 202s beside the composed ceiling"};
    out.columns({"step", "ceiling/s", "troupe/s", "ratio", "ceiling p50 ms",
                 "troupe p50", "x", "ceiling p99 ms", "troupe p99", "x",
                 "CPU us ceiling", "troupe"});
    for (const auto& step : steps)
      print_step(out, step);
    out.note("fdatasync in the same run: p50 " + fixed(median(sync_p50_), 3)
             + " ms, p99 " + fixed(median(sync_p99_), 3) + " ms");
    out.figure("fdatasync_p50_ms", median(sync_p50_));
    out.figure("fdatasync_p99_ms", median(sync_p99_));
    out.figure("errors", static_cast<double>(errors_));
    const auto& full = node_.at("64 connections");
    const auto& full_line = ceiling_.at("64 connections");
    out.aim_at_least("64 connections, 202/s of the ceiling's",
                     median(full.rate) / median(full_line.rate), 0.6, "x");
    const auto& paced = node_.at("500/s");
    const auto& paced_line = ceiling_.at("500/s");
    out.aim_at_most("500/s, p50 of the ceiling's",
                    median(paced.p50) / median(paced_line.p50), 1.5, "x");
    out.aim_at_most("500/s, p99 of the ceiling's",
                    median(paced.p99) / median(paced_line.p99), 1.2, "x");
    out.aim_at_most("requests that went wrong", static_cast<double>(errors_), 0,
                    "");
    if (errors_ > 0)
      out.note("first error: " + first_error_);
    return out.finish(options_);
  }

private:
  void measure(bool troupe, uint32_t repeat) {
    const auto dir =
      scratch_.sub((troupe ? "node" : "ceiling") + std::to_string(repeat));
    std::unique_ptr<child_process> server;
    if (troupe) {
      server = start_node(options_, {.dir = dir});
    } else {
      server = std::make_unique<child_process>(
        std::vector<std::string>{own_executable(), "ceiling-server", "--dir",
                                 dir},
        scratch_.sub("ceiling.log"));
      server->await_listening();
    }
    for (const auto& step : steps)
      measure_step(*server, step, (troupe ? node_ : ceiling_)[step.name]);
    server->kill();
    std::filesystem::remove_all(dir);
  }

  void measure_step(child_process& server, const step& step, samples& to) {
    const load_plan plan{.port = server.gateway_port(),
                         .connections = step.connections,
                         .rate_per_s = step.rate_per_s,
                         .duration_s = options_.duration_s,
                         .requests =
                           job_requests(options_.seed, 256, "sim", 1024)};
    const auto cpu = server.cpu_seconds();
    const auto got = run_load(plan);
    to.rate.push_back(got.per_second());
    to.p50.push_back(to_ms(got.latency.quantile(0.5)));
    to.p99.push_back(to_ms(got.latency.quantile(0.99)));
    to.p999.push_back(to_ms(got.latency.quantile(0.999)));
    // The warm-up's requests cost too: spread over all that was answered.
    const auto answered = got.per_second() * (plan.duration_s + plan.warmup_s);
    to.cpu_us.push_back((server.cpu_seconds() - cpu) * 1e6
                        / std::max(answered, 1.0));
    errors_ += got.errors;
    if (first_error_.empty())
      first_error_ = got.first_error;
  }

  void print_step(report& out, const step& step) const {
    const auto& line = ceiling_.at(step.name);
    const auto& got = node_.at(step.name);
    const auto ratio = [](const std::vector<double>& a,
                          const std::vector<double>& b) {
      return fixed(median(a) / median(b), 2);
    };
    out.row({step.name, fixed(median(line.rate), 0), fixed(median(got.rate), 0),
             ratio(got.rate, line.rate), fixed(median(line.p50), 3),
             fixed(median(got.p50), 3), ratio(got.p50, line.p50),
             fixed(median(line.p99), 3), fixed(median(got.p99), 3),
             ratio(got.p99, line.p99), fixed(median(line.cpu_us), 1),
             fixed(median(got.cpu_us), 1)});
    const auto keep = [&](const std::string& who, const samples& from) {
      out.figure(who + '_' + step.key + "_per_s", median(from.rate));
      out.figure(who + '_' + step.key + "_p50_ms", median(from.p50));
      out.figure(who + '_' + step.key + "_p99_ms", median(from.p99));
      out.figure(who + '_' + step.key + "_p999_ms", median(from.p999));
      out.figure(who + '_' + step.key + "_cpu_us", median(from.cpu_us));
    };
    keep("ceiling", line);
    keep("troupe", got);
  }

  const bench_options& options_;
  scratch_dir scratch_;
  side ceiling_;
  side node_;
  std::vector<double> sync_p50_, sync_p99_;
  uint64_t errors_ = 0;
  std::string first_error_;
};

} // namespace

int bench_accept(const bench_options& options) {
  accept_bench bench{options};
  bench.run();
  return bench.print();
}

} // namespace troupe::bench
