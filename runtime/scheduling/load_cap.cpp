#include "runtime/scheduling/load_cap.hpp"

#include <limits>

namespace troupe::runtime {

double crowded_drain_s(const queue_rules& rules) {
  auto limit = rules.job_class("standard").backlog_limit;
  if (limit <= duration{0})
    return std::numeric_limits<double>::infinity();
  return std::chrono::duration<double>(limit).count()
         * rules.tier(service_tier::standard).backlog_factor / 2;
}

uint32_t load_cap(const job_record& record, const queue_rules& rules,
                  const model_policy& policy) noexcept {
  bool makes_text =
    record.task == task_kind::chat || record.task == task_kind::complete;
  if (!policy.crowded || !makes_text || !record.may_degrade
      || record.tier == service_tier::priority
      || record.forecast.max_output_tokens > 0)
    return 0;
  return rules.soft_max_tokens;
}

} // namespace troupe::runtime
