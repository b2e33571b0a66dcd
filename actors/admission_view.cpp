#include "actors/admission_view.hpp"

#include "actors/admission_gate.hpp"
#include "actors/input_quarantine.hpp"

#include <algorithm>

namespace troupe::actors {
namespace {

using runtime::duration;

/// How long the job may wait for its start or its end; 0: forever.
duration patience_of(const runtime::job_spec& spec,
                     const runtime::queue_rules& rules) {
  auto start = spec.deadline.start_timeout;
  auto total = spec.deadline.total_timeout;
  if (start == duration{0} && total == duration{0})
    return rules.job_class(spec.job_class).deadline_default;
  if (start == duration{0} || total == duration{0})
    return std::max(start, total);
  return std::min(start, total);
}

std::optional<runtime::refused> refusal(const actor_env& env,
                                        const runtime::job_spec& spec,
                                        const runtime::queue_rules& rules) {
  auto line = env.board.breaker(spec.model);
  auto wait = runtime::refusal_of(line, patience_of(spec, rules), env.mono());
  if (!wait)
    return std::nullopt;
  bool forced = line.snapshot.cause == runtime::breaker_cause::forced;
  return runtime::refused{
    .why = runtime::fail(
      runtime::errc::model_unavailable,
      forced ? "an operator keeps work away from the model"
             : "the model fails; it is tried again only after the job's limit"),
    .retry_after_s = std::chrono::duration<double>(*wait).count()};
}

} // namespace

runtime::admission_gate view_gate(const actor_env& env,
                                  const runtime::job_spec& spec,
                                  const runtime::queue_rules& rules,
                                  duration commit_stall) {
  auto gate = admission_gate_of(env, commit_stall);
  gate.model = refusal_of_input(env, spec);
  if (!gate.model)
    gate.model = refusal(env, spec, rules);
  return gate;
}

} // namespace troupe::actors
