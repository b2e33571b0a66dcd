#include "actors/shard_admission.hpp"

#include "actors/admission_commit.hpp"
#include "actors/admission_gate.hpp"
#include "actors/admission_view.hpp"

#include <utility>

namespace troupe::actors {

shard_admission::shard_admission(
  actor_env& env, shard_answers& answers, tenant_desk& tenants,
  std::shared_ptr<const runtime::queue_rules> rules,
  runtime::duration commit_stall)
  : env_{env}, answers_{answers}, tenants_{tenants}, rules_{std::move(rules)},
    commit_stall_{commit_stall}, rng_{env.make_rng()}, letters_{env} {}

std::optional<shard_admission::commit>
shard_admission::submit(submit_job& x, runtime::shard_ledger& ledger,
                        const resident_jobs& residents) {
  if (!answers_.is_open()) {
    answers_.refuse_submit(x.reply, answers_.closed_reason());
    return std::nullopt;
  }
  auto gate = view_gate(env_, *x.spec, *rules_, commit_stall_);
  tenants_.guard(gate, *x.spec, ledger);
  auto outcome = ledger.admit(*x.spec, x.who, gate, env_.wall(), rng_);
  if (auto* no = std::get_if<runtime::refused>(&outcome)) {
    answers_.refuse_submit(x.reply, std::move(*no));
    return std::nullopt;
  }
  if (auto* again = std::get_if<runtime::repeated>(&outcome)) {
    bool in_memory = !residents.contains(again->id);
    auto fence = answers_.repeat(ledger, *again, x, in_memory);
    if (!fence)
      return std::nullopt;
    return commit{std::move(*fence), ledger.find(again->id)->durable};
  }
  ++env_.board.live_jobs;
  auto& job = std::get<runtime::admitted>(outcome);
  answers_.count_steps(job.record);
  bool durable = job.record.durable;
  return commit{make_admission_commit(ledger.epoch(), std::move(job),
                                      std::move(x.spec), x.who.key,
                                      ledger.entry_of(x.who.key), x.reply),
                durable};
}

void shard_admission::estimate(estimate_job& x,
                               const runtime::shard_ledger& ledger) {
  if (!answers_.is_open())
    return answers_.refuse(x.reply, answers_.closed_reason());
  auto gate = view_gate(env_, *x.spec, *rules_, commit_stall_);
  tenants_.guard(gate, *x.spec, ledger);
  env_.sinks.post(x.reply,
                  actors::estimate(ledger, *x.spec, gate, env_.wall(), rng_));
}

std::optional<commit_request>
shard_admission::settle(settle_letter& x, runtime::shard_ledger& ledger) {
  if (!answers_.is_open()) {
    answers_.refuse(x.reply, answers_.closed_reason());
    return std::nullopt;
  }
  auto gate = admission_gate_of(env_, commit_stall_);
  if (x.replay)
    tenants_.guard(gate, *x.replay, ledger);
  return letters_.settle(x, ledger, gate);
}

} // namespace troupe::actors
