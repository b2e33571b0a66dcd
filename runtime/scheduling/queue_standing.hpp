// How much waits for a model, and where one job stands in it.
#pragma once

#include <cstdint>
#include <optional>

namespace troupe::runtime {

/// What waits for one model on this node at this moment.
struct queue_load {
  uint64_t jobs = 0;
  int64_t work_us = 0;
};

struct queue_standing {
  uint64_t position = 0; ///< Jobs before it, on all shards of the node.
  /// Seconds until it starts; nothing while its model never had a worker.
  std::optional<double> wait_s;
  friend bool operator==(const queue_standing&,
                         const queue_standing&) = default;
};

} // namespace troupe::runtime
