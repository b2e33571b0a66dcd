// How long a job will wait in its model's queue, as one shard sees it: its own
// queue exactly, the node's other shards from the sum that the dispatcher
// published and from how that has grown since.
#pragma once

#include "runtime/scheduling/key_histogram.hpp"
#include "runtime/scheduling/queue_policy.hpp"
#include "runtime/scheduling/queue_standing.hpp"

#include <cstdint>

namespace troupe::runtime {

/// The shard's part of it, by the key of the job in question.
struct shard_queue {
  key_histogram::totals below; ///< With a smaller key.
  key_histogram::totals all;
  int64_t tenant_work_us = 0; ///< Of the job's tenant, all keys.
};

/// work ahead / k, or the tenant's own work / (its part of k) if that is longer
/// (scheduling.md section 3), never longer than all there is.
queue_standing estimate_wait(const model_policy& policy, const queue_load& node,
                             const shard_queue& shard, int64_t key) noexcept;

} // namespace troupe::runtime
