#include "runtime/scheduling/queue_policy.hpp"

#include <algorithm>

namespace troupe::runtime {

class_rules queue_rules::job_class(const std::string& name) const {
  auto it = classes.find(name);
  return it == classes.end() ? class_rules{} : it->second;
}

const double* queue_front::clock_of(const std::string& tenant) const noexcept {
  auto it = std::lower_bound(throttled.begin(), throttled.end(), tenant,
                             [](const auto& entry, const std::string& name) {
                               return entry.first < name;
                             });
  return it != throttled.end() && it->first == tenant ? &it->second : nullptr;
}

double queue_rules::price(const std::string& model) const {
  auto it = prices.find(model);
  return it == prices.end() ? 1.0 : it->second;
}

cost_features features_of(const job_spec& spec) {
  auto bytes = spec.text.size();
  for (const auto& m : spec.messages)
    bytes += m.content.size();
  return {.tenant = spec.tenant,
          .task = spec.task,
          .input_bytes = static_cast<double>(bytes),
          .max_output_tokens = spec.params.max_output_tokens,
          .given_s = spec.simulate ? spec.simulate->predicted_s : std::nullopt};
}

job_placement place_job(const job_spec& spec, const job_record& record,
                        const queue_rules& rules, const model_policy& policy) {
  job_placement p;
  auto features = features_of(spec);
  features.max_output_tokens = record.forecast.max_output_tokens;
  p.cost =
    policy.costs->predict(features, policy.terms.gamma / policy.terms.capacity);
  auto job_class = rules.job_class(record.job_class);
  key_inputs in{.arrival = record.created_at,
                .weight = rules.tier(record.tier).weight,
                .log_mgf = p.cost.log_mgf,
                .slo = job_class.slo,
                .deferral_max = job_class.deferral_max};
  for (auto limit : {record.start_at, record.total_at})
    if (limit != wall_time{})
      in.deadline = std::min(in.deadline.value_or(limit), limit);
  p.key = make_priority_key(in, policy.terms);
  return p;
}

wall_time overdue_at(const job_record& record, const queue_rules& rules,
                     double limit_s) {
  auto job_class = rules.job_class(record.job_class);
  auto factor = rules.tier(record.tier).backlog_factor;
  // The record keeps K, not the base; the base is at most B later.
  auto after_s =
    4 * std::clamp(limit_s, 0.0, 1e9)
    + factor * std::chrono::duration<double>(job_class.backlog_limit).count();
  return wall_from_us(record.order_key)
         + duration{static_cast<int64_t>(after_s * 1e6)};
}

} // namespace troupe::runtime
