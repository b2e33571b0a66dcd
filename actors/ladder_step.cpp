#include "actors/ladder_step.hpp"

namespace troupe::actors {
namespace {

runtime::decision_note
note_of(const runtime::ladder_verdict& verdict,
        runtime::decision_stage stage = runtime::decision_stage::pick) {
  return {.step = step_of(verdict, stage)};
}

} // namespace

ladder_step ladder_step_of(const runtime::shard_ledger& ledger,
                           runtime::job_id id,
                           const runtime::ladder_choice& choice) {
  using outcome = runtime::ladder_outcome;
  ladder_step step;
  if (choice.verdict.outcome == outcome::expire) {
    step.ends = true;
    step.expire = expire_job{id, std::string{to_string(choice.verdict.reason)},
                             note_of(choice.verdict)};
    return step;
  }
  if (choice.verdict.outcome != outcome::degrade) {
    step.starts = true;
    return step;
  }
  const auto& record = *ledger.find(id);
  degrade_job down{.id = id,
                   .step = degradation_of(choice, record),
                   .note = note_of(choice.verdict)};
  step.starts = !moves_job(down.step.kind);
  if (!step.starts)
    down.to = {ledger.key_in(down.step.to, record), choice.target_p50_s};
  else
    down.to = {record.order_key, choice.target_p50_s};
  step.degrade = std::move(down);
  return step;
}

std::optional<cut_over_job> cutover_of(const runtime::shard_ledger& ledger,
                                       const running_late& x,
                                       runtime::wall_time now) {
  auto choice = ledger.judge_running(x.id, x.produced, x.rest, now);
  if (choice.verdict.outcome != runtime::ladder_outcome::degrade)
    return std::nullopt;
  const auto& record = *ledger.find(x.id.job);
  cut_over_job order{
    .id = x.id,
    .step = degradation_of(choice, record),
    .note = note_of(choice.verdict, runtime::decision_stage::mid_run)};
  order.to = {ledger.key_in(order.step.to, record), choice.target_p50_s};
  return order;
}

} // namespace troupe::actors
