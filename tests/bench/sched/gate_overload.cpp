// G4 and G6: more work than there is time.
#include "tests/bench/sched/gates.hpp"

namespace troupe::bench {
namespace {

std::string at_load(double load) {
  return "load " + std::to_string(load).substr(0, 4);
}

} // namespace

gate_result run_g4(const run_options& options) {
  gate_result r{.name = "G4"};
  auto tail = options_of(preset::tail);
  tail.sheds = true;
  tail.slo_s = 20;
  tail.deferral_max_s = 600;
  struct step {
    double load;
    double goodput;
  };
  for (auto [load, goodput] :
       {step{0.95, 0.98}, step{1.3, 0.89}, step{2, 0.76}}) {
    azure_plan plan{.load = load,
                    .hours = options.quick ? 0.5 : 1,
                    .conversation_cv = 2,
                    .code_limit_s = 15,
                    .conversation_limit_s = 60};
    auto all =
      r.hold({"azure in bursts, limits 15 / 60 s, " + at_load(load),
              [=](uint64_t seed) {
                auto w = azure_workload(plan, seed);
                predict_with_noise(w, 0.7, seed);
                return w;
              },
              {fcfs(), edf_shed(), troupe_contender("Troupe tail", tail)},
              {}},
             options);
    auto f = find(all, "Troupe tail").pool.figures();
    r.at_least(at_load(load) + ": goodput", f.goodput, goodput);
    r.at_most(at_load(load) + ": ran late", f.ran_late, 0.01);
  }
  return r;
}

gate_result run_g6(const run_options& options) {
  gate_result r{.name = "G6"};
  auto mean = options_of(preset::mean);
  mean.backlog_limit_s = 60; // class interactive
  struct step {
    double load;
    double ratio;
  };
  for (auto [load, ratio] : {step{1.5, 1.25}, step{3, 2}}) {
    azure_plan plan{.load = load, .hours = options.quick ? 0.5 : 2};
    auto arrivals = [=](uint64_t seed) {
      auto w = azure_workload(plan, seed);
      predict_with_noise(w, 0.7, seed);
      assign_tiers(w, 0.1, 0.6, seed);
      return w;
    };
    contender unloaded{
      "unloaded", [](const workload& w) {
        run_outcome x;
        for (const auto& j : w.jobs)
          x.trace.jobs.push_back({j.arrival, j.arrival + j.work, true});
        return x;
      }};
    auto all = r.hold({"azure, the 10 % priority jobs, " + at_load(load),
                       arrivals,
                       {unloaded, fcfs(), strict_tiers(),
                        troupe_contender("Troupe mean", mean)},
                       [](const sim_job& j) { return j.tier == 2; }},
                      options);
    r.at_most(at_load(load) + ": priority p99, Troupe / unloaded",
              find(all, "Troupe mean").pool.figures().p99
                / find(all, "unloaded").pool.figures().p99,
              ratio);
  }
  return r;
}

} // namespace troupe::bench
