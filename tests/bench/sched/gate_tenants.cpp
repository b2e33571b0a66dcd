// G5: one tenant's flood is its own trouble.
#include "tests/bench/sched/gates.hpp"

namespace troupe::bench {
namespace {

bool is_victim(const sim_job& j) {
  return j.tenant != 0;
}

contender without_abuser(const troupe_options& options) {
  auto inner = troupe_contender("victims alone", options);
  return {inner.name, [inner](const workload& w) {
            auto alone = without_tenant(w, 0);
            auto x = inner.run(alone);
            // Back into the places that the jobs have among all.
            run_trace spread;
            spread.jobs.resize(w.jobs.size());
            size_t next = 0;
            for (size_t i = 0; i < w.jobs.size(); ++i)
              if (is_victim(w.jobs[i]))
                spread.jobs[i] = x.trace.jobs[next++];
            x.trace = std::move(spread);
            return x;
          }};
}

std::function<workload(uint64_t)> arrivals(const run_options& options,
                                           tenant_plan plan) {
  if (options.quick)
    plan.hours = 0.5;
  return [plan](uint64_t seed) {
    auto w = tenant_workload(plan, seed);
    predict_with_noise(w, 0.5, seed);
    return w;
  };
}

void check_abuser(gate_result& r, const run_options& options,
                  const troupe_options& gated) {
  auto all =
    r.hold({"the abuser's 9 victims",
            arrivals(options, abuser_plan()),
            {fcfs(), vtc(),
             troupe_contender("Troupe, no gate", options_of(preset::mean)),
             without_abuser(gated), troupe_contender("Troupe", gated)},
            is_victim},
           options);
  const auto& troupe = find(all, "Troupe");
  auto p99 = troupe.pool.figures().p99;
  r.at_most("victims' p99 / theirs alone",
            p99 / find(all, "victims alone").pool.figures().p99, 2);
  r.at_most("victims' p99 / FCFS's", p99 / find(all, "FCFS").pool.figures().p99,
            0.05);
  r.at_most("gap of clocks / bound, abuser", troupe.gap_over_bound, 1);
}

} // namespace

gate_result run_g5(const run_options& options) {
  gate_result r{.name = "G5"};
  auto gated = options_of(preset::mean);
  gated.gate_slack_jobs = 5;
  check_abuser(r, options, gated);
  auto all =
    r.hold({"40 Zipf tenants, load 0.93",
            arrivals(options, zipf_plan()),
            {fcfs(), vtc(),
             troupe_contender("Troupe, no gate", options_of(preset::mean)),
             troupe_contender("Troupe", gated)},
            {}},
           options);
  r.at_least("Zipf: mean, ungated / gated",
             find(all, "Troupe, no gate").pool.figures().mean
               / find(all, "Troupe").pool.figures().mean,
             0.85);
  r.at_most("gap of clocks / bound, Zipf", find(all, "Troupe").gap_over_bound,
            1);
  return r;
}

} // namespace troupe::bench
