// What a shard tells a dispatcher about jobs that may be leased next.
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

} // namespace troupe::runtime
