// The figures of one order, pooled over the seeds.
#pragma once

#include "tests/bench/sched/serve.hpp"

#include <functional>

namespace troupe::bench {

struct run_figures {
  uint64_t jobs = 0;   ///< That arrived.
  uint64_t served = 0; ///< To their end.
  double mean = 0;     ///< Response times, seconds, of the served.
  double p50 = 0, p90 = 0, p95 = 0, p99 = 0, p999 = 0, max = 0;
  double slowdown = 0; ///< Mean of response / work.
  double goodput = 0;  ///< Share of all jobs served before their limit.
  double ran_late = 0; ///< Share of all jobs that took a slot and were late.
  double jain = 1;     ///< Of the tenants' mean work / response: 1 = all alike.
};

class run_summary {
public:
  using filter = std::function<bool(const sim_job&)>;
  /// Counts the jobs for which `only` holds, or all.
  explicit run_summary(filter only = {}) : only_{std::move(only)} {}

  void add(const workload& w, const run_trace& t);
  void merge(const run_summary& x);
  run_figures figures() const;
  /// Response at `q` in 0..1; 0 when nothing was served.
  double quantile(double q) const;

private:
  struct tenant {
    double speed = 0;
    uint64_t jobs = 0;
  };
  double jain() const;

  filter only_;
  mutable std::vector<double> responses_; ///< Sorted when `sorted_`.
  mutable bool sorted_ = true;
  std::vector<tenant> tenants_;
  uint64_t jobs_ = 0;
  uint64_t in_time_ = 0;
  uint64_t late_ = 0;
  double slowdown_ = 0;
};

} // namespace troupe::bench
