// Whether a job is taken, as far as its model's queue decides: the first check
// that fails answers, in words and with the time after which it would pass.
// What is asked of the node itself (draining, store, breaker) comes before; see
// reliability.md section 7 for the order.
#pragma once

#include "runtime/client_sink.hpp"
#include "runtime/scheduling/job_ladder.hpp"
#include "runtime/scheduling/queue_standing.hpp"

#include <optional>

namespace troupe::runtime {

struct admission_inputs {
  const job_record& record; ///< With its limits, forecast and class.
  queue_standing standing;
  /// The prediction is a guess: nobody is refused for it.
  bool guessed = false;
  /// The model's breaker is open.
  bool breaker_open = false;
  /// And stays so for longer than the job can wait.
  std::optional<refused> breaker_refusal;
};

struct admission_verdict {
  std::optional<refused> refusal;
  /// It is taken one rung down the ladder.
  std::optional<ladder_choice> step;
};

class admission_policy {
public:
  admission_policy(const queue_rules& rules, const job_ladder& ladder)
    : rules_{rules}, ladder_{ladder} {}

  admission_verdict judge(const admission_inputs& job, wall_time now) const;

  /// Predicted work that may wait before a job of this class and tier, as time;
  /// infinite for a class without a limit.
  double wait_limit_s(const job_record& record) const;

private:
  std::optional<refused> too_long_a_wait(const admission_inputs& job) const;

  const queue_rules& rules_;
  const job_ladder& ladder_;
};

} // namespace troupe::runtime
