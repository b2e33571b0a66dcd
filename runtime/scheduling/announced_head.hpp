// What a shard tells a dispatcher about a job that may be leased next.
#pragma once

#include "runtime/ids.hpp"

#include <compare>
#include <cstdint>

namespace troupe::runtime {

struct announced_head {
  job_id id;
  int64_t key = 0;      ///< Smallest first.
  uint32_t attempt = 0; ///< The attempt that a lease must follow.
  bool alone = false;   ///< Only on a worker that runs nothing else.
  friend auto operator<=>(const announced_head&,
                          const announced_head&) = default;
};

} // namespace troupe::runtime
