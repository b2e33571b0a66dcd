// Several orders on the same jobs, over several seeds.
#pragma once

#include "tests/bench/sched/run_summary.hpp"
#include "tests/bench/sched/starvation_audit.hpp"

#include <functional>
#include <iosfwd>
#include <string>

namespace troupe::bench {

/// What one order made of one workload.
struct run_outcome {
  run_trace trace;
  audit_figures audit; ///< Of Troupe's orders.
  double gap_s = 0;    ///< Of tenants' clocks; Troupe's with a gate.
  double gap_bound_s = 0;
  uint64_t run_twice = 0;      ///< Attempts beside or after another. Must be 0.
  uint64_t refused_starts = 0; ///< The worker had no slot after all.
  uint64_t moves = 0;          ///< Of workers between models.
};

struct contender {
  std::string name;
  std::function<run_outcome(const workload&)> run;
};

struct standing {
  std::string name;
  run_summary pool;
  audit_figures audit;
  double gap_s = 0;
  double gap_over_bound = 0; ///< Largest gap / bound of a seed.
  uint64_t run_twice = 0;
  uint64_t refused_starts = 0;
  uint64_t moves = 0;
};

struct contest {
  std::string title;
  std::function<workload(uint64_t seed)> arrivals;
  std::vector<contender> contenders;
  run_summary::filter only; ///< Jobs that the figures are of; empty: all.
};

struct run_options {
  std::vector<uint64_t> seeds{1, 2, 3, 4, 5, 6, 7, 8};
  bool quick = false;            ///< Shorter runs: the tails mean little.
  std::ostream* trace = nullptr; ///< CSV of the first seed's jobs.
};

/// In the order of the contenders. Seeds run on all cores; the result does not
/// depend on how.
std::vector<standing> hold(const contest& c, const run_options& options);
const standing& find(const std::vector<standing>& all, const std::string& name);

contender fcfs();
contender shared();
contender sjf(bool oracle);
contender sliced_sjf();
contender srpt(bool pooled);
contender edf_shed();
contender vtc();
contender strict_tiers();
/// Audited. `slice_s` > 0: preempted at the ends of slices.
contender troupe_contender(std::string name, const troupe_options& options,
                           double slice_s = 0);

} // namespace troupe::bench
