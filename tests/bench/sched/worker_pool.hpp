// Workers that serve one model at a time and move between models: the real
// allocator_core on virtual time. Each model has a queue, first come, first
// served, and each worker one slot.
#pragma once

#include "tests/bench/sched/contest.hpp"

namespace troupe::bench {

/// Demand that wanders from model to model: shares of a constant rate follow
/// three sines, a third of a period apart.
struct drift_plan {
  uint32_t workers = 12;
  uint32_t models = 3; ///< The `tenant` of a job is its model.
  double mean_s = 0.5;
  double squared_cv = 2;
  double load = 0.8;
  double swing = 0.8; ///< Of a share around 1 / models.
  double period_s = 600;
  double hours = 1;
};
workload drift_workload(const drift_plan& plan, uint64_t seed);

struct pool_options {
  double load_s = 2;     ///< To load a model, after the running job's end.
  bool allocates = true; ///< Else every model keeps its equal share.
};

struct pool_outcome {
  run_trace trace;
  uint64_t moves = 0;
};

pool_outcome serve_pool(const workload& w, const pool_options& options);

} // namespace troupe::bench
