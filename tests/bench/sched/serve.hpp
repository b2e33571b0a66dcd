// Runs a workload through slots on virtual time. What waits and who is next is
// an `order`'s; here are only arrivals, slots and the clock.
#pragma once

#include "tests/bench/sched/workload.hpp"

#include <optional>

namespace troupe::bench {

struct job_times {
  double start = never;  ///< Of its first service.
  double finish = never; ///< When it left, served or not.
  bool served = false;   ///< To its end.
};

/// A stretch of service of one job.
struct segment {
  uint32_t job;
  double from;
  double to;
};

struct run_trace {
  std::vector<job_times> jobs;   ///< As in the workload.
  std::vector<segment> segments; ///< By `to`.
  /// Of a served job.
  double response(const workload& w, size_t i) const {
    return jobs[i].finish - w.jobs[i].arrival;
  }
};

/// Decides who is next. Jobs are indices into the workload.
class order {
public:
  struct choice {
    uint32_t job;
    bool shed = false; ///< It leaves without service.
  };

  virtual ~order() = default;
  /// A job asks to be queued; false: it is refused.
  virtual bool arrive(uint32_t job, double now) = 0;
  /// Takes the next one out of the queue; nothing only if the queue is empty.
  virtual std::optional<choice> pick(double now) = 0;
  virtual void started(uint32_t, double /*now*/) {}
  virtual void finished(uint32_t, double /*now*/) {}
  /// Back to the queue, in the middle of its work.
  virtual void parked(uint32_t, double /*now*/) {}
  /// May who is first in the queue take the slot of this running one? `done`:
  /// seconds it was served so far.
  virtual bool displaces(uint32_t /*running*/, double /*done*/) const {
    return false;
  }
  /// When tick() is wanted next.
  virtual double next_tick() const { return never; }
  virtual void tick(double /*now*/) {}
};

struct serve_options {
  double slice_s = 0; ///< > 0: a running job may be parked each so often.
  bool stop_at_limit = false; ///< A job still running at its limit is cut off.
  bool keep_segments = false;
};

run_trace serve(const workload& w, order& queue, const serve_options& = {});

/// Shortest remaining work first, known exactly, over all slots; one server of
/// speed k with `pooled`: no order of k slots has a smaller mean (Schrage 1968).
run_trace serve_srpt(const workload& w, bool pooled = false);

/// Processor sharing: each job gets min(1, k / n) of a slot.
run_trace serve_shared(const workload& w);

} // namespace troupe::bench
