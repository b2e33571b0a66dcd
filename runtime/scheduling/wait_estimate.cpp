#include "runtime/scheduling/wait_estimate.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::runtime {
namespace {

double seconds(int64_t us) noexcept {
  return static_cast<double>(us) / 1e6;
}

double share(double part, double whole) noexcept {
  return whole > 0 ? std::clamp(part / whole, 0.0, 1.0) : 0;
}

} // namespace

queue_standing estimate_wait(const model_policy& policy,
                             const queue_load& node, const shard_queue& shard,
                             int64_t key) noexcept {
  // Other shards hold jobs of the same kind: the published curve says which part
  // of them comes first, the node's board how many they are by now.
  auto others_jobs =
    std::max(0.0, static_cast<double>(node.jobs)
                    - static_cast<double>(shard.all.jobs));
  auto others_s = std::max(0.0, seconds(node.work_us - shard.all.work_us));
  auto all = policy.backlog.all();
  auto below = policy.backlog.below(key);
  auto jobs_share =
    all.jobs > 0 ? share(below.jobs, all.jobs)
                 : share(static_cast<double>(shard.below.jobs),
                         static_cast<double>(shard.all.jobs));
  auto work_share = all.work_s > 0
                      ? share(below.work_s, all.work_s)
                      : share(seconds(shard.below.work_us),
                              seconds(shard.all.work_us));
  queue_standing place{.position =
                         shard.below.jobs
                         + static_cast<uint64_t>(
                           std::llround(others_jobs * jobs_share))};
  if (!policy.capacity_known)
    return place;
  auto ahead_s = seconds(shard.below.work_us) + others_s * work_share;
  auto all_s = seconds(shard.all.work_us) + others_s;
  // The tenant has the same part of what is before the job as of this shard.
  auto tenant_s = ahead_s
                  * share(seconds(shard.tenant_work_us),
                          seconds(shard.all.work_us));
  auto gated_s = std::min(all_s, tenant_s * std::max(1u, policy.tenants));
  auto k = policy.terms.capacity;
  place.wait_s = (policy.running_s + std::max(ahead_s, gated_s)) / k;
  // A slot is free: nobody waits for the rest of what runs.
  if (ahead_s <= 0 && policy.slots_free > 0)
    place.wait_s = 0;
  return place;
}

} // namespace troupe::runtime
