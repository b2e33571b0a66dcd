// The rules of the queue as configured, and where they put one job: its predicted
// cost, its key, and when it counts as overdue.
#pragma once

#include "runtime/job.hpp"
#include "runtime/scheduling/backlog_curve.hpp"
#include "runtime/scheduling/boost_terms.hpp"
#include "runtime/scheduling/cost_model.hpp"
#include "runtime/scheduling/priority_key.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace troupe::runtime {

/// What a job's class says about its place in the queue.
struct class_rules {
  duration slo{std::chrono::seconds{600}};
  duration deadline_default{0}; ///< Total; of jobs that name none. 0: none.
  duration deferral_max{0};
  duration backlog_limit{std::chrono::seconds{600}};
  friend bool operator==(const class_rules&, const class_rules&) = default;
};

struct tier_rules {
  double weight = 1;         ///< > 0
  double backlog_factor = 1; ///< Of the class's limit; > 0.
  friend bool operator==(const tier_rules&, const tier_rules&) = default;
};

struct queue_rules {
  boost_settings boost;
  std::array<tier_rules, 3> tiers{
    tier_rules{0.0625, 0.5}, tier_rules{1, 1},
    tier_rules{16, 2}};                       ///< flex, default, priority.
  std::map<std::string, class_rules> classes; ///< Others: the default of it.
  std::map<std::string, std::vector<std::string>> fallbacks; ///< By model.
  /// Cost units per second of a slot, by model; others: 1.
  std::map<std::string, double> prices;
  /// Kept free before a total limit.
  duration deadline_margin{std::chrono::milliseconds{100}};
  /// Of answers without a limit of their own, while their model is crowded; 0:
  /// they stay unlimited.
  uint32_t soft_max_tokens = 512;

  const tier_rules& tier(service_tier t) const noexcept {
    return tiers[static_cast<size_t>(t) - 1];
  }
  class_rules job_class(const std::string& name) const;
  double price(const std::string& model) const;
};

/// Where the queues of a model stand in its dispatcher, to explain waits by.
struct queue_front {
  /// The smallest key that may be leased next; the largest when none waits.
  int64_t key = INT64_MAX;
  /// Too far ahead of others, with their clocks; at most 256, in order of name.
  std::vector<std::pair<std::string, double>> throttled;
  double least_clock = 0;
  double slack = 0; ///< U.
  static constexpr size_t throttled_max = 256;

  /// Null: the tenant is not held back.
  const double* clock_of(const std::string& tenant) const noexcept;
};

/// What a model's dispatcher publishes; the same for all shards.
struct model_policy {
  key_terms terms;
  std::shared_ptr<const cost_model> costs = std::make_shared<cost_model>();
  double drain_s = 0; ///< V: until what is due would be done, averaged.
  uint32_t context_length = 0; ///< Tokens; 0: unknown or unlimited.
  bool serving = false;        ///< A worker is up.
  bool breaker_closed = true;
  bool crowded = false;        ///< Answers are capped: load_cap.hpp.
  backlog_curve backlog;       ///< What all shards had waiting.
  double running_s = 0;        ///< Predicted rest of what runs, of one slot.
  bool capacity_known = false; ///< A worker was up, some time.
  uint32_t slots_free = 0;
  uint32_t tenants = 1; ///< That have a job waiting.
  /// Of real over estimated waits; nothing while too few were seen.
  std::optional<double> wait_ratio_p90;
  queue_front front;
};

cost_features features_of(const job_spec& spec);

struct job_placement {
  cost_prediction cost;
  priority_key key;
};

/// Where a job that arrives at `arrival` goes. `record` has its limits.
job_placement place_job(const job_spec& spec, const job_record& record,
                        const queue_rules& rules, const model_policy& policy);

/// From then on the job goes before all that are not overdue: base + 3 B + the
/// limit of its class and tier. `limit_s`: the largest B since it came.
wall_time overdue_at(const job_record& record, const queue_rules& rules,
                     double limit_s);

} // namespace troupe::runtime
