// Holds the simulator itself against closed forms.
#pragma once

#include "tests/bench/sched/workload.hpp"

#include <string>

namespace troupe::bench {

struct check_line {
  std::string what;
  double theory_s = 0;
  double measured_s = 0;
  double standard_error_s = 0;

  /// Off by at most 1 %, or 3 standard errors if they are at most 3 %: a check
  /// that could not fail is none.
  bool passed() const;
};

/// `jobs` in total over all checks, each split into independent runs.
std::vector<check_line> self_check(uint64_t jobs, uint64_t seed);

} // namespace troupe::bench
