#include "tests/bench/arrival_run.hpp"
#include "tests/bench/commands.hpp"
#include "tests/bench/node_under_test.hpp"

#include <algorithm>
#include <cmath>
#include <random>

namespace troupe::bench {

namespace {

constexpr double mean_service_s = 0.05;
/// Squared coefficient of variation 4, as scheduling.md's `seed` workload.
const double service_sigma = std::sqrt(std::log(5.0));
constexpr uint32_t slots = 4;

struct workload {
  double load = 0.9; ///< Offered work over capacity.
  double seconds = 60;
  double total_timeout_s = 0;
};

std::vector<arrival> make_arrivals(const workload& w, uint64_t seed) {
  std::mt19937_64 random{seed};
  std::exponential_distribution<double> gap{w.load * slots / mean_service_s};
  std::lognormal_distribution<double> service{
    std::log(mean_service_s) - service_sigma * service_sigma / 2,
    service_sigma};
  std::uniform_real_distribution<double> unit;
  std::vector<arrival> arrivals;
  for (double at = gap(random); at < w.seconds; at += gap(random)) {
    const auto tier = unit(random);
    arrivals.push_back({.at_s = at,
                        .service_s = service(random),
                        .tier = tier < 0.1   ? "priority"
                                : tier < 0.4 ? "default"
                                             : "flex",
                        .total_timeout_s = w.total_timeout_s});
  }
  return arrivals;
}

/// Log-normal error of the prediction, mean one.
std::vector<arrival> predict(std::vector<arrival> jobs, double sigma,
                             uint64_t seed) {
  std::mt19937_64 random{seed + 1};
  std::normal_distribution<double> noise{-sigma * sigma / 2, sigma};
  for (auto& j : jobs)
    j.predicted_s = j.service_s * (sigma > 0 ? std::exp(noise(random)) : 1);
  return jobs;
}

struct latency_line {
  double mean = 0, p50 = 0, p95 = 0, p99 = 0;
  double goodput = 0; ///< Completed work over capacity.
  size_t jobs = 0;
};

latency_line summarise(const std::vector<arrival>& plan,
                       const std::vector<arrival_outcome>& outcomes,
                       double seconds, std::string_view tier) {
  latency_line line;
  std::vector<double> totals;
  for (size_t i = 0; i < plan.size(); ++i) {
    if (!outcomes[i].whole() || (!tier.empty() && plan[i].tier != tier))
      continue;
    totals.push_back(outcomes[i].total_s);
    line.mean += outcomes[i].total_s;
    line.goodput += plan[i].service_s / (seconds * slots);
  }
  line.jobs = totals.size();
  if (totals.empty())
    return line;
  std::sort(totals.begin(), totals.end());
  auto at = [&](double q) {
    return totals[std::min(
      totals.size() - 1,
      static_cast<size_t>(q * static_cast<double>(totals.size())))];
  };
  line.mean /= static_cast<double>(totals.size());
  line.p50 = at(0.5);
  line.p95 = at(0.95);
  line.p99 = at(0.99);
  return line;
}

struct variant {
  std::string name;
  std::string order;
  double sigma = 0;
};
const std::vector<variant> variants{{"fcfs", "fcfs", 0},
                                    {"mean, sigma 0", "mean", 0},
                                    {"mean, sigma 0.5", "mean", 0.5},
                                    {"mean, sigma 1", "mean", 1}};

class overload_bench {
public:
  explicit overload_bench(const bench_options& options)
    : options_{options}, scratch_{options.scratch} {}

  int run() {
    const auto seconds = options_.quick ? 10.0 : 120.0;
    report out{"overload: the order of the queue, same arrivals at once"};
    measure(out, "load 0.9", {.load = 0.9, .seconds = seconds});
    measure(out, "load 2",
            {.load = 2, .seconds = seconds / 4, .total_timeout_s = 5});
    measure(out, "load 10",
            {.load = 10, .seconds = seconds / 6, .total_timeout_s = 5});
    out.note("log-normal service, mean 50 ms, C^2 4, 4 slots; priority 10 %, "
             "default 30 %, flex 60 %; latency from acceptance to the end");
    return out.finish(options_);
  }

private:
  void measure(report& out, const std::string& name, const workload& w) {
    const auto jobs = make_arrivals(w, options_.seed);
    std::vector<std::unique_ptr<child_process>> nodes;
    std::vector<node_lane> lanes;
    for (const auto& v : variants) {
      nodes.push_back(
        start_node(options_, {.dir = scratch_.sub(std::to_string(runs_++)),
                              .slots = slots,
                              .service_s = mean_service_s,
                              .tokens = 1,
                              .order = v.order}));
      lanes.push_back({.port = nodes.back()->gateway_port(),
                       .arrivals = predict(jobs, v.sigma, options_.seed)});
    }
    const auto got = run_arrivals(lanes, 60 + w.seconds * w.load);
    out.columns({name, "tier", "done", "mean s", "p50", "p95", "p99",
                 "fcfs/mean", "goodput", "refused", "p99 ms"});
    const auto base = summarise(jobs, got[0], w.seconds, "");
    for (size_t v = 0; v < variants.size(); ++v)
      for (const auto* tier : {"", "priority", "default", "flex"}) {
        const auto line = summarise(jobs, got[v], w.seconds, tier);
        row(out, name, variants[v].name, tier, line, base, got[v]);
      }
  }

  static void row(report& out, const std::string& name,
                  const std::string& order, const std::string& tier,
                  const latency_line& line, const latency_line& base,
                  const std::vector<arrival_outcome>& outcomes) {
    std::vector<double> refusals;
    for (const auto& o : outcomes)
      if (o.http_status != 202)
        refusals.push_back(o.answer_ms);
    std::sort(refusals.begin(), refusals.end());
    const bool all = tier.empty();
    out.row({order, all ? "all" : tier, std::to_string(line.jobs),
             fixed(line.mean, 3), fixed(line.p50, 3), fixed(line.p95, 3),
             fixed(line.p99, 3), all ? fixed(base.mean / line.mean, 2) : "",
             all ? fixed(line.goodput, 3) : "",
             all ? std::to_string(refusals.size()) : "",
             all && !refusals.empty()
               ? fixed(refusals[refusals.size() * 99 / 100], 2)
               : ""});
    const auto key = name + "/" + order + "/" + (all ? "all" : tier) + "/";
    out.figure(key + "mean_s", line.mean);
    out.figure(key + "p99_s", line.p99);
    out.figure(key + "jobs", static_cast<double>(line.jobs));
  }

  const bench_options& options_;
  scratch_dir scratch_;
  int runs_ = 0;
};

} // namespace

int bench_overload(const bench_options& options) {
  return overload_bench{options}.run();
}

} // namespace troupe::bench
