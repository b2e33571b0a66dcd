// The degradation ladder for one waiting job: gathers what is known of it and of
// the models it may go to, and asks deadline_policy.
#pragma once

#include "runtime/scheduling/deadline_policy.hpp"
#include "runtime/scheduling/finish_forecast.hpp"
#include "runtime/scheduling/queue_policy.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace troupe::runtime {

struct ladder_choice {
  ladder_verdict verdict;
  std::string target;      ///< A model, for `longer_context` and `model`.
  double target_p50_s = 0; ///< Of the job there; 0: unknown.
};

/// The record's line for a verdict `degrade` by one of the first four rungs.
job_degradation degradation_of(const ladder_choice& choice,
                               const job_record& record);

class job_ladder {
public:
  /// The terms of a model; never null.
  using policy_lookup =
    std::function<const model_policy&(const std::string& model)>;

  /// Seconds that the job would wait in another model's queue.
  using wait_lookup = std::function<double(const std::string& model)>;

  job_ladder(const queue_rules& rules, policy_lookup policy, wait_lookup wait)
    : rules_{rules}, policy_{std::move(policy)}, wait_{std::move(wait)} {}

  /// `wait_s`: expected wait in its queue; 0 when it is about to start.
  ladder_choice judge(const job_record& record, wall_time now,
                      double wait_s = 0) const;
  /// The first model it may go to that serves and takes its input, whatever the
  /// time: for a job whose own model is kept away from.
  std::optional<ladder_choice> elsewhere(const job_record& record) const;
  /// For a running attempt that made `produced` tokens, with `rest` to come:
  /// degrade and the first model that ends it in time, if the job's own does not
  /// and it asked for that (`on_deadline: cutover`); else start: it stays.
  ladder_choice mid_run(const job_record& record, uint32_t produced,
                        const attempt_rest& rest, wall_time now) const;
  /// Where an attempt goes on that fills its model's context.
  std::optional<std::string> longer_context(const job_record& record) const;
  /// When the job must be judged again if it still waits. Nothing: no limits.
  std::optional<wall_time> judge_at(const job_record& record) const;

private:
  std::vector<std::string> targets(const job_record& record) const;
  ladder_target target(const job_record& record, const std::string& name) const;

  const queue_rules& rules_;
  policy_lookup policy_;
  wait_lookup wait_;
};

} // namespace troupe::runtime
