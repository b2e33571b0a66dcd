// G9: workers follow a demand that wanders.
#include "tests/bench/sched/gates.hpp"
#include "tests/bench/sched/worker_pool.hpp"

namespace troupe::bench {
namespace {

contender pool(std::string name, const pool_options& options) {
  return {std::move(name), [options](const workload& w) {
            auto x = serve_pool(w, options);
            return run_outcome{.trace = std::move(x.trace), .moves = x.moves};
          }};
}

} // namespace

gate_result run_g9(const run_options& options) {
  gate_result r{.name = "G9"};
  drift_plan plan{.hours = options.quick ? 0.5 : 1};
  auto all = r.hold({"drift: 12 workers, 3 models, load 0.8",
                     [=](uint64_t seed) {
                       auto w = drift_workload(plan, seed);
                       predict_with_noise(w, 0.5, seed);
                       return w;
                     },
                     {fcfs(), pool("fixed shares", {.allocates = false}),
                      pool("Troupe, load 2 s", {.load_s = 2}),
                      pool("Troupe, load 15 s", {.load_s = 15})},
                     {}},
                    options);
  auto hours = plan.hours * static_cast<double>(options.seeds.size());
  struct step {
    const char* name;
    double mean_s;
    double moves;
  };
  for (auto [name, mean_s, moves] : {step{"Troupe, load 2 s", 1.6, 1000},
                                     step{"Troupe, load 15 s", 3.8, 300}}) {
    const auto& s = find(all, name);
    r.at_most(std::string{name} + ": mean, s", s.pool.figures().mean, mean_s);
    r.at_most(std::string{name} + ": moves per hour",
              static_cast<double>(s.moves) / hours, moves);
  }
  r.notes.push_back("FCFS here: one pool in which every worker serves all");
  return r;
}

} // namespace troupe::bench
