// The ledger's admission: what becomes of a request, with its place in the queue.
#include "runtime/job_decision.hpp"
#include "runtime/scheduling/load_cap.hpp"
#include "runtime/scheduling/turn_truncation.hpp"
#include "runtime/shard_ledger.hpp"

#include <algorithm>

namespace troupe::runtime {
namespace {

refused refuse(errc code, std::string context, double retry_after_s) {
  return {.why = fail(code, std::move(context)),
          .retry_after_s = retry_after_s};
}

/// Of the room for jobs, kept for the tier `priority`.
constexpr size_t reserve_share = 5;

std::vector<event> first_events(job_record& record,
                                const queue_standing& place) {
  auto at = record.created_at;
  record.next_seq = 2;
  record.phase = job_phase::queued;
  std::vector<event> events;
  events.reserve(4); // First steps down the ladder, too.
  auto shown = record;
  shown.decision.clear();
  events.push_back(
    event{.seq = 0, .at = at, .body = job_created{std::move(shown)}});
  events.push_back(
    event{.seq = 1,
          .at = at,
          .body = job_queued{.position = place.position,
                             .estimated_start_s = place.wait_s.value_or(0)}});
  return events;
}

/// What was compared: the tokens asked for, without limit, and those given.
ladder_choice capped_by_load(const admission_preview& p) {
  ladder_choice choice;
  auto& verdict = choice.verdict;
  verdict.outcome = ladder_outcome::degrade;
  verdict.rung = ladder_rung::output_limit;
  verdict.max_output_tokens = p.load_cap;
  verdict.tried = {{.rung = ladder_rung::output_limit,
                    .needed = p.cost.output_tokens_p90,
                    .available = static_cast<double>(p.load_cap),
                    .fits = true}};
  return choice;
}

struct shard_room {
  size_t taken = 0;
  size_t most = 0;
};

/// What was compared, for the job's decision.
std::vector<decided_check> checks_of(const admission_preview& p,
                                     const shard_room& room,
                                     double wait_limit_s) {
  auto wait_s = p.standing.wait_s.value_or(0);
  std::vector<decided_check> checks{
    {.what = admission_check::shard_jobs,
     .value = static_cast<float>(room.taken),
     .limit = static_cast<float>(room.most)},
    {.what = admission_check::estimated_wait,
     .value = static_cast<float>(wait_s),
     .limit = static_cast<float>(wait_limit_s)}};
  if (p.record.total_at != wall_time{})
    checks.push_back(
      {.what = admission_check::finish,
       .value = static_cast<float>(wait_s + p.record.forecast.service_p50_s),
       .limit = static_cast<float>(
         std::chrono::duration<double>(p.record.total_at - p.record.created_at)
           .count())});
  return checks;
}

} // namespace

admission_result shard_ledger::admit(job_spec& spec,
                                     const request_identity& who,
                                     const admission_gate& gate, wall_time now,
                                     rng& random) {
  if (!who.key.empty()) {
    if (auto it = keys_.find(who.key); it != keys_.end()) {
      if (it->second.fingerprint != who.fingerprint)
        return refuse(errc::idempotency_mismatch,
                      "the key was used with another body", 0);
      auto live = jobs_.find(it->second.job);
      return repeated{it->second.job,
                      live != jobs_.end()
                        && live->second.state == slot::committing};
    }
  }
  if (auto no = refusal_of(spec, gate))
    return std::move(*no);
  auto at = next_arrival(now);
  spec.id = job_id::make(at, shard_, random);
  auto p = preview(spec, gate, at);
  if (p.verdict.refusal)
    return std::move(*p.verdict.refusal);
  spec.estimated_s = p.record.estimated_s;
  if (gate.reserve)
    if (auto no = gate.reserve(p.record, stepped_down(p).queue()))
      return std::move(*no);
  admitted job{.record = std::move(p.record), .standing = p.standing};
  job.record.forecast.max_output_tokens = spec.params.max_output_tokens;
  job.events = first_events(job.record, p.standing);
  if (p.load_cap > 0)
    for (auto& e : step_down(job.record, capped_by_load(p)).events)
      job.events.push_back(std::move(e));
  if (p.verdict.step)
    for (auto& e : step_down(job.record, *p.verdict.step).events)
      job.events.push_back(std::move(e));
  if (!who.key.empty()) {
    auto expires = at + limits_.idempotency_ttl;
    keys_[who.key] = {
      .job = spec.id, .fingerprint = who.fingerprint, .expires_at = expires};
    key_ages_.emplace(expires, who.key);
  }
  jobs_[spec.id] =
    entry{.record = job.record,
          .state = slot::committing,
          .expected_wait_s = static_cast<float>(p.standing.wait_s.value_or(0))};
  return job;
}

admission_preview shard_ledger::preview(job_spec& spec,
                                        const admission_gate& gate,
                                        wall_time now) const {
  if (spec.deadline.start_timeout == duration{0}
      && spec.deadline.total_timeout == duration{0})
    spec.deadline.total_timeout =
      rules_->job_class(spec.job_class).deadline_default;
  admission_preview p{.record = make_record(spec)};
  p.load_cap = load_cap(p.record, *rules_, *model(p.record.model).policy);
  if (p.load_cap > 0)
    p.record.forecast.max_output_tokens = p.load_cap;
  auto placement =
    place_job(spec, p.record, *rules_, *model(p.record.model).policy);
  p.cost = placement.cost;
  p.record.order_key = placement.key.key;
  p.record.key_base = placement.key.base;
  // Nobody is shed on a guess: while nothing was learnt, nothing is foretold.
  bool guessed = placement.cost.source == cost_source::prior;
  if (!guessed)
    p.record.forecast.service_p50_s = placement.cost.p50_s;
  p.record.forecast.input_tokens =
    static_cast<uint32_t>(placement.cost.input_tokens);
  p.record.kept_tokens_min =
    kept_tokens_min(spec, p.record.forecast.input_tokens);
  p.record.forecast.output_tokens_p50 =
    static_cast<uint32_t>(placement.cost.output_tokens_p50);
  p.record.estimated_s = placement.cost.mean_s;
  p.standing = stand(p.record.model, p.record.tenant, p.record.order_key,
                     queue_.below(p.record.model, p.record.order_key).jobs);
  p.verdict.refusal = refusal_of(spec, gate);
  if (p.verdict.refusal)
    return p;
  auto ladder = this->ladder();
  admission_policy policy{*rules_, ladder};
  p.verdict = policy.judge({.record = p.record,
                            .standing = p.standing,
                            .guessed = guessed,
                            .breaker_open = gate.model_open,
                            .breaker_refusal = gate.model},
                           now);
  p.record.decision =
    encode(decision_of(placement, model(p.record.model).policy->terms,
                       rules_->tier(spec.tier).weight,
                       checks_of(p, {jobs_.size(), room_for(spec.tier)},
                                 policy.wait_limit_s(p.record))));
  return p;
}

/// What the node and the shard as a whole have against it.
std::optional<refused>
shard_ledger::refusal_of(const job_spec& spec,
                         const admission_gate& gate) const {
  if (gate.draining)
    return refuse(errc::draining, "the node is stopping", 1);
  if (gate.tenant)
    return gate.tenant;
  if (jobs_.size() >= room_for(spec.tier))
    return refuse(
      errc::queue_full,
      "the shard holds " + std::to_string(jobs_.size()) + " live jobs", 5);
  if (!gate.memory_ok)
    return refuse(errc::queue_full, "the node's memory is full", 5);
  if (!gate.storage_ok)
    return refuse(errc::storage_unavailable, gate.storage_reason, 2);
  return gate.input;
}

size_t shard_ledger::room_for(service_tier tier) const noexcept {
  auto room = limits_.jobs_max;
  return tier == service_tier::priority ? room : room - room / reserve_share;
}

/// The first rung is part of the admission.
job_step shard_ledger::step_down(job_record& record,
                                 const ladder_choice& choice) const {
  auto down = degradation_of(choice, record);
  queue_place to{record.order_key, choice.target_p50_s};
  if (moves_job(down.kind))
    to = {key_in(down.to, record), choice.target_p50_s};
  auto at = record.created_at;
  job_machine machine{std::move(record)};
  machine.note({.step = step_of(choice.verdict, decision_stage::admission)},
               at);
  auto step = machine.degrade(std::move(down), to, at);
  record = machine.record();
  return step;
}

job_record shard_ledger::stepped_down(const admission_preview& p) const {
  auto record = p.record;
  if (p.verdict.step)
    step_down(record, *p.verdict.step);
  return record;
}

queue_standing shard_ledger::stand(const std::string& name,
                                   const std::string& tenant, int64_t key,
                                   uint64_t jobs_before) const {
  shard_queue own{.below = queue_.below(name, key),
                  .all = {queue_.size(name), queue_.work_us(name)},
                  .tenant_work_us = queue_.work_us(name, tenant)};
  own.below.jobs = jobs_before;
  return estimate_wait(*model(name).policy, node_load(name), own, key);
}

std::optional<queue_standing> shard_ledger::standing(job_id id) const {
  auto place = queue_.position(id);
  if (!place)
    return std::nullopt;
  const auto& r = jobs_.at(id).record;
  return stand(r.queue(), r.tenant, r.order_key, place->jobs_ahead);
}

queue_load shard_ledger::load(const std::string& name) const {
  return {queue_.size(name), queue_.work_us(name)};
}

queue_load shard_ledger::node_load(const std::string& name) const {
  return node_load_ ? node_load_(name) : load(name);
}

} // namespace troupe::runtime
