// Checks after a run that no job waited beyond the bound that the design
// promises (section 4), from what really happened: every job is looked at, and
// the work that a job may have to wait for is measured, not predicted.
//
//   T* = base + 3 B*,  B* the largest limit published while the job waited
//   start <= T* + R / k          R: work unfinished at T* that runs or goes first
//   start <= T* + (R_t + U + 2 c_max) / (phi k)        behind the tenant gate
#pragma once

#include "tests/bench/sched/troupe_order.hpp"

namespace troupe::bench {

struct gate_terms {
  double slack_s = 0; ///< U, the largest there was.
};

struct audit_figures {
  uint64_t jobs = 0;   ///< That started, or were shed.
  uint64_t waited = 0; ///< Until after T*: for them the bound says something.
  uint64_t beyond = 0; ///< Later than the bound. Must be 0.
  double nearest = 0;  ///< Largest (wait after T*) / (what the bound allows).
  void add(const audit_figures& x);
};

/// `t` with its segments. `delay_s`: what messages may add to the bound. `gate`: shares are equal and phi is taken as 1 over
/// all tenants, the least it can be.
audit_figures audit_starvation(const workload& w, const run_trace& t,
                               const key_log& log,
                               const gate_terms* gate = nullptr,
                               double delay_s = 0);

} // namespace troupe::bench
