// G7 and G8: what it costs that queue and dispatcher are apart, and mortal.
#include "tests/bench/sched/gates.hpp"
#include "tests/bench/sched/two_level.hpp"

namespace troupe::bench {
namespace {

const std::string one_level = "one heap, no delay";

std::function<workload(uint64_t)> arrivals(const run_options& options,
                                           double mean_s, double squared_cv) {
  seed_plan plan{.jobs = options.quick ? 20'000U : 100'000U,
                 .mean_s = mean_s,
                 .squared_cv = squared_cv,
                 .slots = 16,
                 .fixed_load = 0.9};
  return [plan](uint64_t seed) {
    auto w = seed_workload(plan, seed);
    predict_with_noise(w, 0.5, seed);
    return w;
  };
}

contender two_level(std::string name, const two_level_options& options,
                    bool ahead) {
  return {std::move(name), [options, ahead](const workload& w) {
            auto o = options;
            o.ahead = ahead;
            return serve_two_level(w, o);
          }};
}

std::string milliseconds(double seconds) {
  return std::to_string(seconds * 1e3).substr(0, 3) + " ms";
}

double over_one_level(const std::vector<standing>& all,
                      const std::string& name) {
  return find(all, name).pool.figures().mean
         / find(all, one_level).pool.figures().mean;
}

double lost(const standing& s) {
  auto f = s.pool.figures();
  return static_cast<double>(f.jobs - f.served);
}

} // namespace

gate_result run_g7(const run_options& options) {
  gate_result r{.name = "G7"};
  auto mean = options_of(preset::mean);
  struct step {
    double job_s;
    double squared_cv;
    double delay_s;
    double ratio;
  };
  for (auto [job_s, squared_cv, delay_s, ratio] :
       {step{0.2, 4, 0.0002, 1.02}, step{0.2, 4, 0.001, 1.05},
        step{0.2, 4, 0.005, 1.12}, step{0.005, 1, 0.0002, 1.15}}) {
    two_level_options two{.boost = mean.boost, .delay_s = delay_s};
    auto title = "jobs of " + std::to_string(job_s).substr(0, 5) + " s, delay "
                 + milliseconds(delay_s);
    auto all = r.hold(
      {title,
       arrivals(options, job_s, squared_cv),
       {troupe_contender(one_level, mean), two_level("two levels", two, true),
        two_level("two levels, nothing ahead", two, false)},
       {}},
      options);
    r.at_most(title + ": mean over one heap's",
              over_one_level(all, "two levels"), ratio);
    r.notes.push_back(
      title + ", nothing leased ahead: mean over one heap's "
      + std::to_string(over_one_level(all, "two levels, nothing ahead")));
  }
  return r;
}

gate_result run_g8(const run_options& options) {
  gate_result r{.name = "G8"};
  auto mean = options_of(preset::mean);
  for (auto delay_s : {0.0002, 0.001}) {
    two_level_options mortal{
      .boost = mean.boost, .delay_s = delay_s, .kill_every_s = 60};
    const std::string name = "two levels, killed";
    auto title = "killed every 60 s, delay " + milliseconds(delay_s);
    auto all = r.hold(
      {title,
       arrivals(options, 0.2, 4),
       {troupe_contender(one_level, mean), two_level(name, mortal, true)},
       {}},
      options);
    const auto& killed = find(all, name);
    r.at_most(title + ": mean over one heap's", over_one_level(all, name),
              1.10);
    r.at_most(title + ": jobs lost", lost(killed), 0);
    r.at_most(title + ": attempts beside or after another",
              static_cast<double>(killed.run_twice), 0);
    r.notes.push_back(title + ", starts refused by the worker: "
                      + std::to_string(killed.refused_starts));
  }
  return r;
}

} // namespace troupe::bench
