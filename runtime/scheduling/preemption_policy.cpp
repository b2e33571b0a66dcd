#include "runtime/scheduling/preemption_policy.hpp"

#include <algorithm>

namespace troupe::runtime {
namespace {

int64_t key_to_beat(int64_t head_key, duration switch_cost) noexcept {
  auto cost = std::max<int64_t>(switch_cost.count(), 0);
  return head_key > INT64_MAX - cost ? INT64_MAX : head_key + cost;
}

bool may_park(const park_candidate& x,
              const preemption_limits& limits) noexcept {
  bool known = x.predicted_s > 0;
  bool nearly_done = x.done_s >= limits.stop_ratio * x.predicted_s
                     && x.done_s <= overrun_ratio * x.predicted_s;
  return x.can_park && x.held >= limits.slice && known && !nearly_done;
}

} // namespace

std::optional<preemption>
choose_victim(int64_t head_key, duration switch_cost,
              std::span<const park_candidate> running,
              const preemption_limits& limits) noexcept {
  if (!limits.enabled)
    return std::nullopt;
  auto beaten = key_to_beat(head_key, switch_cost);
  std::optional<preemption> best;
  for (size_t i = 0; i < running.size(); ++i) {
    const auto& x = running[i];
    if (x.key <= beaten || !may_park(x, limits))
      continue;
    beaten = x.key;
    best = preemption{i, x.parked_beside < limits.parked_max};
  }
  return best;
}

} // namespace troupe::runtime
