// The rung "load" (scheduling.md section 6): while a model has more due work than
// half of what the default tier may queue behind, answers below the tier
// `priority` that name no limit get one.
#pragma once

#include "runtime/scheduling/queue_policy.hpp"

#include <cstdint>

namespace troupe::runtime {

/// Seconds of due drain beyond which a model is crowded: half the limit of class
/// `standard` in tier `default`. Infinite where that class has none.
double crowded_drain_s(const queue_rules& rules);

/// Output tokens that the job gets; 0: what it asked for. Jobs of `degradation:
/// forbid`, and those that already name a limit, stay as they are.
uint32_t load_cap(const job_record& record, const queue_rules& rules,
                  const model_policy& policy) noexcept;

} // namespace troupe::runtime
