#include "tests/bench/sched/self_check.hpp"

#include "tests/bench/sched/baselines.hpp"
#include "tests/bench/sched/closed_forms.hpp"
#include "tests/bench/sched/variates.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace troupe::bench {
namespace {

struct check_plan {
  std::string what;
  double theory_s;
  uint32_t slots;
  double load;
  size_law size; ///< squared_cv 0: exponential.
  std::function<run_trace(const workload&)> run;
};

workload poisson_workload(const check_plan& p, uint64_t jobs, uint64_t seed) {
  workload w{.slots = p.slots};
  w.jobs.resize(jobs);
  variates v{seed};
  auto variance = std::log1p(p.size.squared_cv);
  double now = 0;
  for (auto& j : w.jobs) {
    j.arrival = now += v.exponential(p.size.mean / (p.load * p.slots));
    j.work = variance > 0 ? v.lognormal(std::log(p.size.mean) - variance / 2,
                                        std::sqrt(variance))
                          : v.exponential(p.size.mean);
    j.predicted = j.predicted_p50 = j.work;
  }
  return w;
}

/// The queue starts empty: its first tenth says too little.
double mean_response(const workload& w, const run_trace& t) {
  double sum = 0;
  auto first = w.jobs.size() / 10;
  for (auto i = first; i < w.jobs.size(); ++i)
    sum += t.response(w, i);
  return sum / static_cast<double>(w.jobs.size() - first);
}

check_line measure(const check_plan& p, uint64_t jobs, uint64_t seed) {
  constexpr int runs = 20;
  double sum = 0, squares = 0;
  for (int r = 0; r < runs; ++r) {
    auto w = poisson_workload(p, jobs / runs, seed * 1000 + r);
    auto x = mean_response(w, p.run(w));
    sum += x;
    squares += x * x;
  }
  auto mean = sum / runs;
  auto variance = std::max(squares / runs - mean * mean, 0.0);
  return {p.what, p.theory_s, mean, std::sqrt(variance / (runs - 1))};
}

run_trace fcfs(const workload& w) {
  auto queue = fcfs_order(w);
  return serve(w, queue);
}

run_trace sjf(const workload& w) {
  auto queue = sjf_order(w, true);
  return serve(w, queue);
}

run_trace srpt(const workload& w) {
  return serve_srpt(w);
}

std::vector<check_plan> plans() {
  const queue_law law{{0.2, 2.5}, 0.7};
  const double exponential = 0.2;
  return {
    {"M/M/1",
     shared_response({{exponential, 1}, 0.8}),
     1,
     0.8,
     {exponential, 0},
     fcfs},
    {"M/M/8 (Erlang C)",
     erlang_response(exponential, 0.9, 8),
     8,
     0.9,
     {exponential, 0},
     fcfs},
    {"M/G/1 (Pollaczek-Khinchine)", fcfs_response(law), 1, law.load, law.size,
     fcfs},
    {"M/G/1 shortest job first", sjf_response(law), 1, law.load, law.size, sjf},
    {"M/G/1 SRPT (Schrage-Miller)", srpt_response(law), 1, law.load, law.size,
     srpt},
    {"M/G/1 processor sharing", shared_response(law), 1, law.load, law.size,
     serve_shared},
  };
}

} // namespace

bool check_line::passed() const {
  auto off = std::abs(measured_s - theory_s);
  auto sure = standard_error_s <= 0.03 * theory_s;
  return sure && off <= std::max(0.01 * theory_s, 3 * standard_error_s);
}

std::vector<check_line> self_check(uint64_t jobs, uint64_t seed) {
  std::vector<check_line> lines;
  auto all = plans();
  for (const auto& p : all)
    lines.push_back(measure(p, jobs / all.size(), seed));
  return lines;
}

} // namespace troupe::bench
