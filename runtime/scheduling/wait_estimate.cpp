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

/// One quantity, jobs or seconds of work, on the node's other shards.
struct elsewhere {
  double now = 0;    ///< By the node's board.
  double then = 0;   ///< When the curve was drawn, this shard's part included.
  double before = 0; ///< Of `then`, with a smaller key.
  double own_part = 1; ///< Of this shard's, with a smaller key.

  /// What the curve knows counts by the curve; what came since, and may all be
  /// before the job, as this shard's jobs lie, which are of the same kind.
  double ahead() const noexcept {
    auto known = std::min(now, then);
    return known * share(before, then) + (now - known) * own_part;
  }
};

/// Fewer jobs do not say how the others lie.
constexpr uint64_t telling_jobs = 4;

} // namespace

queue_standing estimate_wait(const model_policy& policy, const queue_load& node,
                             const shard_queue& shard, int64_t key) noexcept {
  auto then = policy.backlog.all();
  auto before = policy.backlog.below(key);
  elsewhere jobs{.now = std::max(0.0, static_cast<double>(node.jobs)
                                        - static_cast<double>(shard.all.jobs)),
                 .then = then.jobs,
                 .before = before.jobs};
  elsewhere work{.now =
                   std::max(0.0, seconds(node.work_us - shard.all.work_us)),
                 .then = then.work_s,
                 .before = before.work_s};
  if (shard.all.jobs >= telling_jobs) {
    jobs.own_part = share(static_cast<double>(shard.below.jobs),
                          static_cast<double>(shard.all.jobs));
    work.own_part =
      share(seconds(shard.below.work_us), seconds(shard.all.work_us));
  }
  queue_standing place{.position =
                         shard.below.jobs
                         + static_cast<uint64_t>(std::llround(jobs.ahead()))};
  if (!policy.capacity_known)
    return place;
  auto ahead_s = seconds(shard.below.work_us) + work.ahead();
  auto all_s = seconds(shard.all.work_us) + work.now;
  // The tenant has the same part of what is before the job as of this shard.
  auto tenant_s =
    ahead_s * share(seconds(shard.tenant_work_us), seconds(shard.all.work_us));
  auto gated_s = std::min(all_s, tenant_s * std::max(1u, policy.tenants));
  auto k = policy.terms.capacity;
  place.wait_s = (policy.running_s + std::max(ahead_s, gated_s)) / k;
  // A slot is free: nobody waits for the rest of what runs.
  if (ahead_s <= 0 && policy.slots_free > 0)
    place.wait_s = 0;
  return place;
}

} // namespace troupe::runtime
