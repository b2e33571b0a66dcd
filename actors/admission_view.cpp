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
                                        const runtime::breaker_line& line,
                                        const runtime::job_spec& spec,
                                        const runtime::queue_rules& rules) {
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
  gate.input = refusal_of_input(env, spec);
  auto line = env.board.breaker(spec.model);
  gate.model = refusal(env, line, spec, rules);
  gate.model_open = line.snapshot.state == runtime::breaker_state::open;
  return gate;
}

runtime::job_estimated estimate(const runtime::shard_ledger& ledger,
                                runtime::job_spec& spec,
                                const runtime::admission_gate& gate,
                                runtime::wall_time now, runtime::rng& random) {
  spec.id = runtime::job_id::make(now, ledger.shard(), random);
  auto p = ledger.preview(spec, gate, now);
  auto record = ledger.stepped_down(p);
  auto price = ledger.rules().price(record.queue());
  return {.record = std::move(record),
          .standing = p.standing,
          .service_p50_s = p.cost.p50_s,
          .service_p90_s = p.cost.p90_s,
          .output_tokens_p90 = p.cost.output_tokens_p90,
          .price = price,
          .wait_ratio_p90 = ledger.policy(spec.model)->wait_ratio_p90,
          .refusal = std::move(p.verdict.refusal)};
}

} // namespace troupe::actors
