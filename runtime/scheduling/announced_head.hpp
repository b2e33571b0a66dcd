// What a shard tells a dispatcher: which jobs may be leased next, and what became
// of orders to lease some.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/ids.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::runtime {

struct announced_head {
  job_id id;
  int64_t key = 0;      ///< Smallest first.
  uint32_t attempt = 0; ///< The attempt that a lease must follow.
  bool alone = false;   ///< Only on a worker that runs nothing else.
  uint8_t tier = 0;     ///< 0 = the highest; orders those that are overdue.
  double work_s = 0;    ///< Predicted; seconds of one slot.
  mono_time overdue_at = mono_time::max(); ///< From then on before all others.
  /// The rest follows from the job and its attempt.
  friend bool operator==(const announced_head& a, const announced_head& b) {
    return a.id == b.id && a.attempt == b.attempt && a.key == b.key
           && a.alone == b.alone;
  }
};

/// The first jobs of one tenant's queue, in order. Replaces what was said of it
/// before; no heads: the queue is empty.
struct announced_queue {
  std::string tenant;
  std::vector<announced_head> heads;
  friend bool operator==(const announced_queue&,
                         const announced_queue&) = default;
};

/// Which order a lease answers: what the dispatcher knew when it ordered. Goes
/// with the attempt to its worker and back.
struct order_stamp {
  uint64_t number = 0;            ///< Of the dispatcher, from 1; grows.
  uint64_t worker_generation = 0; ///< Of the worker that was meant.
  mono_time ordered_at{};
  int64_t key = 0; ///< Of the job, among those that wait for a slot.
  friend bool operator==(const order_stamp&, const order_stamp&) = default;
};

/// The job was leased as ordered.
struct granted_lease {
  attempt_id id;
  std::string worker; ///< That will run it.
  order_stamp stamp;
};

/// It was not: it is gone, or changed since.
struct refused_lease {
  job_id job;
  uint64_t number = 0; ///< Of the order.
};

/// What a worker says of an attempt that left its slot.
struct parked_report {
  attempt_id id;
  int64_t key = 0; ///< Of its job, us.
};

/// It died with its worker.
struct lost_attempt {
  attempt_id id;
  bool ran = true; ///< False: it waited there for a slot, or never arrived.
};

} // namespace troupe::runtime
