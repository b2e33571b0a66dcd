// How many workers a model would need: the signal for an external autoscaler
// (scheduling.md section 8). It moves nothing itself.
#pragma once

#include <cstdint>

namespace troupe::runtime {

struct scale_limits {
  double target_utilization = 0.75; ///< (0, 1].
  double drain_target_s = 60;       ///< > 0.
  uint32_t workers_max = 100'000;   ///< What is ever asked for.
};

struct scale_inputs {
  double arriving_work_per_s = 0; ///< Seconds of work on a slot of speed 1.
  double backlog_work_s = 0;      ///< Due and not done.
  double worker_speed = 1;        ///< Slots * speed of one worker.
};

/// ceil((arriving / target_utilization + backlog / drain_target_s) / speed), at
/// most `workers_max`. NaN and negative work count as none; work for workers
/// without any speed, and limits out of range, ask for `workers_max`.
uint32_t scale_desired_workers(const scale_inputs& load,
                               const scale_limits& limits) noexcept;

} // namespace troupe::runtime
