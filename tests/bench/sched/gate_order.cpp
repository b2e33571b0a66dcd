// G1 to G3: what the order of the queue does to mean and tail.
#include "tests/bench/sched/closed_forms.hpp"
#include "tests/bench/sched/gates.hpp"

#include <chrono>
#include <cmath>

namespace troupe::bench {
namespace {

constexpr double slice_s = 0.05;

std::string with_sigma(double sigma) {
  return "sigma " + std::to_string(sigma).substr(0, 3);
}

std::function<workload(uint64_t)> noisy_seed(const seed_plan& plan,
                                             double sigma) {
  return [plan, sigma](uint64_t seed) {
    auto w = seed_workload(plan, seed);
    predict_with_noise(w, sigma, seed);
    return w;
  };
}

double gain(const std::vector<standing>& all, const std::string& name,
            double run_figures::*figure) {
  return find(all, "FCFS").pool.figures().*figure
         / (find(all, name).pool.figures().*figure);
}

} // namespace

gate_result run_g1(const run_options& options) {
  gate_result r{.name = "G1"};
  seed_plan plan{.jobs = options.quick ? 100'000U : 1'000'000U};
  auto preset_short = options_of(preset::short_first);
  preset_short.boost.limit_max = std::chrono::seconds{3600};
  const std::string name = "Troupe short, sliced";
  struct step {
    double sigma;
    double gain;
  };
  for (auto [sigma, required] : {step{0, 8}, step{0.5, 7}, step{1, 5}}) {
    auto all =
      r.hold({"seed, C^2 4, " + with_sigma(sigma),
              noisy_seed(plan, sigma),
              {fcfs(), shared(), sjf(false), sliced_sjf(), srpt(false),
               troupe_contender(name, preset_short, slice_s),
               troupe_contender("Troupe short, no preemption", preset_short)},
              {}},
             options);
    r.at_least(with_sigma(sigma) + ": FCFS / Troupe, mean",
               gain(all, name, &run_figures::mean), required);
    if (sigma == 0.5) {
      r.at_least(with_sigma(sigma) + ": p95",
                 gain(all, name, &run_figures::p95), 9);
      r.at_least(with_sigma(sigma) + ": p99",
                 gain(all, name, &run_figures::p99), 2);
      r.at_least(with_sigma(sigma) + ": p99.9",
                 gain(all, name, &run_figures::p999), 0.4);
    }
  }
  return r;
}

namespace {

double mean_wait(const std::vector<standing>& all, const std::string& name,
                 double mean_s) {
  return find(all, name).pool.figures().mean - mean_s;
}

/// 93 % of the jobs are premium; strict priority against Cobham.
void check_tiers(gate_result& r, const run_options& options,
                 const seed_plan& plan) {
  constexpr double high_share = 0.93;
  auto arrivals = [=](uint64_t seed) {
    auto w = seed_workload(plan, seed);
    assign_tiers(w, high_share, 0, seed);
    return w;
  };
  auto tier = [](uint8_t t) {
    return [t](const sim_job& j) { return j.tier == t; };
  };
  auto troupe = troupe_contender("Troupe mean", options_of(preset::mean));
  std::vector<contender> contenders{fcfs(), strict_tiers(), troupe};
  auto high = r.hold(
    {"constant sizes, the 93 % premium jobs", arrivals, contenders, tier(2)},
    options);
  auto low = r.hold(
    {"constant sizes, the other jobs", arrivals, contenders, tier(1)}, options);
  auto theory = tier_wait(plan.mean_s, 0, plan.load(), high_share);
  auto fcfs_wait = plan.fcfs_mean_s - plan.mean_s;
  // At load 0.988 the mean of FCFS itself settles too slowly for 2 %; against
  // the same arrivals the others' share of it does not.
  auto measured_high = mean_wait(high, "strict tiers", plan.mean_s);
  auto measured_low = mean_wait(low, "strict tiers", plan.mean_s)
                      / mean_wait(low, "FCFS", plan.mean_s);
  r.at_most("strict premium wait against theory, deviation",
            std::abs(measured_high / theory.high_s - 1), 0.02);
  r.at_most("strict other wait over FCFS against theory, deviation",
            std::abs(measured_low * fcfs_wait / theory.low_s - 1), 0.02);
}

} // namespace

gate_result run_g2(const run_options& options) {
  gate_result r{.name = "G2"};
  seed_plan plan{.jobs = options.quick ? 200'000U : 1'000'000U,
                 .squared_cv = 0};
  auto mean = options_of(preset::mean);
  auto all =
    r.hold({"seed, constant sizes, noise 0.5 in the predictions",
            noisy_seed(plan, 0.5),
            {fcfs(), sjf(false), troupe_contender("Troupe mean", mean),
             troupe_contender("Troupe short", options_of(preset::short_first))},
            {}},
           options);
  for (const auto* name : {"Troupe mean", "Troupe short"})
    r.at_most(std::string{name} + ": FCFS / Troupe, mean, off 1",
              std::abs(gain(all, name, &run_figures::mean) - 1), 0.005);
  check_tiers(r, options, plan);
  return r;
}

gate_result run_g3(const run_options& options) {
  gate_result r{.name = "G3"};
  azure_plan plan{.hours = options.quick ? 0.5 : 2};
  auto mean = options_of(preset::mean);
  auto labels = mean;
  labels.learns = true;
  auto tail = options_of(preset::tail);
  auto all =
    r.hold({"azure, load 0.9, sigma 0.7",
            [=](uint64_t seed) {
              auto w = azure_workload(plan, seed);
              predict_with_noise(w, 0.7, seed);
              return w;
            },
            {fcfs(), shared(), sjf(false), sjf(true), sliced_sjf(), srpt(false),
             srpt(true), troupe_contender("Troupe mean", mean),
             troupe_contender("Troupe mean, labels only", labels),
             troupe_contender("Troupe tail", tail),
             troupe_contender("Troupe mean, sliced", mean, slice_s),
             troupe_contender("Troupe labels, sliced", labels, slice_s),
             troupe_contender("Troupe tail, sliced", tail, slice_s)},
            {}},
           options);
  auto of = [&](const char* name) { return find(all, name).pool.figures(); };
  auto best = of("oracle SRPT-k").mean;
  r.at_most("mean: Troupe / SRPT-k, mean", of("Troupe mean").mean / best, 1.30);
  r.at_most("mean, labels only: Troupe / SRPT-k, mean",
            of("Troupe mean, labels only").mean / best, 1.55);
  r.at_most("tail: Troupe / FCFS, p99", of("Troupe tail").p99 / of("FCFS").p99,
            1.15);
  r.at_most("tail: Troupe / SRPT-k, mean", of("Troupe tail").mean / best, 1.40);
  return r;
}

} // namespace troupe::bench
