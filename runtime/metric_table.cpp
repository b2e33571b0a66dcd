#include "runtime/metric_table.hpp"

#include <array>

namespace troupe::runtime {
namespace {

using enum label_domain;
using enum metric_type;

constexpr std::array table{
  metric_definition{metric::http_requests, "troupe_http_requests_total",
                    counter, none, none, "requests",
                    "HTTP requests that were read whole."},
  metric_definition{metric::http_answers, "troupe_http_answers_total", counter,
                    answer_class, none, "answers", "Answers by status class."},
  metric_definition{metric::http_connections, "troupe_http_connections", gauge,
                    none, none, "connections", "Open HTTP connections."},
  metric_definition{metric::http_connections_accepted,
                    "troupe_http_connections_accepted_total", counter, none,
                    none, "connections", "Accepted HTTP connections."},
  metric_definition{metric::http_connections_refused,
                    "troupe_http_connections_refused_total", counter, none,
                    none, "connections",
                    "Connections closed over the cap of one address."},
  metric_definition{
    metric::http_accept_pauses, "troupe_http_accept_pauses_total", counter,
    none, none, "pauses", "Accepting paused for want of descriptors or room."},
  metric_definition{metric::http_guard_refusals,
                    "troupe_http_guard_refusals_total", counter, none, none,
                    "requests", "Requests refused by the framing guard."},
  metric_definition{metric::http_guard_disagreements,
                    "troupe_http_guard_disagreements_total", counter, none,
                    none, "requests",
                    "Requests that guard and parser read differently."},
  metric_definition{metric::http_timeouts, "troupe_http_timeouts_total",
                    counter, timeout_stage, none, "requests",
                    "Requests that missed a time limit, by stage."},
  metric_definition{metric::http_sessions_escaped,
                    "troupe_http_sessions_escaped_total", counter, none, none,
                    "sessions", "Sessions ended by an exception: defects."},
  metric_definition{metric::streams, "troupe_streams", gauge, none, none,
                    "streams", "Open event streams."},
  metric_definition{metric::streams_opened, "troupe_streams_opened_total",
                    counter, none, none, "streams", "Opened event streams."},
  metric_definition{metric::streams_slow, "troupe_streams_slow_total", counter,
                    none, none, "streams",
                    "Streams cut off because their reader was slow."},
  metric_definition{metric::streams_refused, "troupe_streams_refused_total",
                    counter, none, none, "streams",
                    "Streams refused at the limit of readers."},
  metric_definition{metric::stream_events, "troupe_stream_events_total",
                    counter, none, none, "events",
                    "Events written to streams."},
  metric_definition{metric::stream_rereads, "troupe_stream_rereads_total",
                    counter, none, none, "pages",
                    "Pages read from the store to fill a stream's gap."},
  metric_definition{metric::jobs_submitted, "troupe_jobs_submitted_total",
                    counter, admission, none, "jobs",
                    "Submitted jobs by what admission said."},
  metric_definition{metric::jobs_ended, "troupe_jobs_ended_total", counter,
                    model, terminal, "jobs",
                    "Ended jobs by requested model and status."},
  metric_definition{metric::jobs_dead, "troupe_jobs_dead_total", counter, model,
                    none, "jobs", "Jobs that became dead letters."},
  metric_definition{metric::jobs_live, "troupe_jobs_live", gauge, none, none,
                    "jobs", "Jobs that have not ended."},
  metric_definition{metric::jobs_resident, "troupe_jobs_resident", gauge, none,
                    none, "jobs", "Jobs that are actors now."},
  metric_definition{metric::queue_depth, "troupe_queue_depth", gauge, model,
                    tier, "jobs", "Jobs that wait for a slot."},
  metric_definition{metric::queue_wait_seconds, "troupe_queue_wait_seconds",
                    histogram, model, tier, "seconds",
                    "Time that an ended job waited for slots."},
  metric_definition{metric::compute_seconds, "troupe_compute_seconds",
                    histogram, model, none, "seconds",
                    "Time that an ended job had a slot."},
  metric_definition{metric::delivery_seconds, "troupe_delivery_seconds",
                    histogram, model, none, "seconds",
                    "Rest of an ended job's time: commits and hops."},
  metric_definition{metric::first_token_seconds, "troupe_first_token_seconds",
                    histogram, model, none, "seconds",
                    "From acceptance to the first output."},
  metric_definition{metric::input_tokens, "troupe_input_tokens_total", counter,
                    model, none, "tokens", "Input tokens of ended jobs."},
  metric_definition{metric::output_tokens, "troupe_output_tokens_total",
                    counter, model, none, "tokens",
                    "Output tokens of ended jobs."},
  metric_definition{metric::attempts, "troupe_attempts_total", counter, model,
                    attempt_end, "attempts", "Attempts by how they ended."},
  metric_definition{
    metric::degraded, "troupe_degraded_total", counter, model, ladder_rung,
    "steps", "Steps down the degradation ladder, by rung.", ladder_stage},
  metric_definition{metric::retries, "troupe_retries_total", counter, model,
                    retry_cause, "attempts",
                    "Attempts that are to be repeated, by cause."},
  metric_definition{metric::retry_budget_left, "troupe_retry_budget_left",
                    gauge, model, none, "retries",
                    "Retries that the model's budget would grant now."},
  metric_definition{metric::breaker_state, "troupe_breaker_state", gauge,
                    target, none, "0, 1 or 2",
                    "0 closed, 1 half-open, 2 open; forced or its own."},
  metric_definition{
    metric::breaker_transitions, "troupe_breaker_transitions_total", counter,
    target, breaker, "transitions", "Changes of a breaker's own state."},
  metric_definition{metric::sched_prediction_ratio,
                    "troupe_sched_prediction_ratio", histogram, model, quantity,
                    "real / predicted",
                    "What attempts took, over what admission predicted."},
  metric_definition{metric::sched_prediction_kendall_tau,
                    "troupe_sched_prediction_kendall_tau", gauge, model, none,
                    "-1 to 1",
                    "How well predictions order the last 1,000 attempts."},
  metric_definition{metric::sched_labels_used, "troupe_sched_labels_used",
                    gauge, model, none, "0 or 1",
                    "Whether a request's label counts in predictions."},
  metric_definition{metric::sched_crowded, "troupe_sched_crowded", gauge, model,
                    none, "0 or 1",
                    "Whether answers without a limit of their own are capped."},
  metric_definition{metric::sched_gamma, "troupe_sched_gamma", gauge, model,
                    none, "1/seconds",
                    "How strongly short jobs are preferred."},
  metric_definition{metric::sched_boost_limit_seconds,
                    "troupe_sched_boost_limit_seconds", gauge, model, none,
                    "seconds", "How far size may move a job in the order."},
  metric_definition{metric::sched_starvation_bound_seconds,
                    "troupe_sched_starvation_bound_seconds", gauge, model,
                    job_class, "seconds",
                    "By when a job that comes now starts, as work stands."},
  metric_definition{metric::sched_queued_jobs, "troupe_sched_queued_jobs",
                    gauge, model, job_class, "jobs",
                    "Jobs that wait, delayed retries included.", tier},
  metric_definition{metric::sched_queue_wait_seconds,
                    "troupe_sched_queue_wait_seconds", histogram, model,
                    job_class, "seconds",
                    "Wait that ended with a lease, for each lease.", tier},
  metric_definition{metric::sched_backlog_seconds,
                    "troupe_sched_backlog_seconds", gauge, model, backlog_scope,
                    "seconds",
                    "Until the due queue, or what runs, would be done."},
  metric_definition{metric::sched_blocked_seconds,
                    "troupe_sched_blocked_seconds_total", counter, model,
                    label_domain::wait_reason, "job-seconds",
                    "Waits of jobs that left the queue, by reason."},
  metric_definition{metric::sched_overdue_jobs, "troupe_sched_overdue_jobs",
                    gauge, model, none, "jobs",
                    "Announced jobs that go first because they are overdue."},
  metric_definition{metric::sched_starvation_violations,
                    "troupe_sched_starvation_violations_total", counter, model,
                    none, "jobs",
                    "Overdue jobs that others went before: defects."},
  metric_definition{metric::sched_gate_throttled_tenants,
                    "troupe_sched_gate_throttled_tenants", gauge, model, none,
                    "tenants", "Tenants that are too far ahead of others."},
  metric_definition{metric::sched_gate_gap_seconds,
                    "troupe_sched_gate_gap_seconds", gauge, model, none,
                    "seconds", "Work that the first waiting tenant is ahead."},
  metric_definition{metric::sched_leases, "troupe_sched_leases_total", counter,
                    model, lease_outcome, "leases",
                    "Leases that the dispatcher asked for."},
  metric_definition{metric::sched_lease_seconds, "troupe_sched_lease_seconds",
                    histogram, model, none, "seconds",
                    "From asking for a lease to the shard's answer."},
  metric_definition{metric::sched_announce_delay_seconds,
                    "troupe_sched_announce_delay_seconds", histogram, model,
                    none, "seconds",
                    "From a change of a queue to its dispatcher's view."},
  metric_definition{
    metric::sched_slot_idle_seconds, "troupe_sched_slot_idle_seconds_total",
    counter, model, idle_cause, "slot-seconds",
    "Time of free slots, counted at the dispatcher's next step."},
  metric_definition{metric::sched_ahead, "troupe_sched_ahead", gauge, model,
                    none, "jobs",
                    "Jobs that may be leased before a slot is free for them."},
  metric_definition{metric::sched_rebuilds, "troupe_sched_rebuilds_total",
                    counter, model, none, "restarts",
                    "Dispatchers that began anew after one died."},
  metric_definition{metric::sched_preemptions, "troupe_sched_preemptions_total",
                    counter, model, none, "attempts",
                    "Attempts that left their slot for another job."},
  metric_definition{metric::commit_seconds, "troupe_commit_seconds", histogram,
                    none, none, "seconds",
                    "One group commit, its sync included."},
  metric_definition{metric::commit_batches, "troupe_commit_batches", histogram,
                    none, none, "batches", "Batches in one group commit."},
  metric_definition{metric::commit_failures, "troupe_commit_failures_total",
                    counter, none, none, "commits",
                    "Group commits that the store refused."},
  metric_definition{metric::budget_reserved_cost, "troupe_budget_reserved_cost",
                    gauge, none, none, "cost units",
                    "What live jobs hold of their tenants' budgets."},
  metric_definition{metric::memory_bytes, "troupe_memory_bytes", gauge, none,
                    none, "bytes",
                    "What the node's process holds, engines excluded."},
  metric_definition{metric::memory_bytes_max, "troupe_memory_bytes_max", gauge,
                    none, none, "bytes",
                    "What it may hold; 0: no limit is known."},
  metric_definition{metric::memory_level, "troupe_memory_level", gauge, none,
                    none, "0, 1 or 2",
                    "0 normal, 1 tight: large bodies are refused, 2 full: new "
                    "jobs are refused."},
  metric_definition{metric::store_free_bytes, "troupe_store_free_bytes", gauge,
                    none, none, "bytes", "Free space on the store's disk."},
  metric_definition{metric::store_writable, "troupe_store_writable", gauge,
                    none, none, "0 or 1", "1 while new jobs can be stored."},
  metric_definition{metric::engine_slots, "troupe_engine_slots", gauge, model,
                    none, "slots", "Slots of engines that serve."},
  metric_definition{metric::engine_restarts, "troupe_engine_restarts_total",
                    counter, model, none, "restarts",
                    "Engines started again after they died."},
  metric_definition{metric::workers_ejected, "troupe_workers_ejected", gauge,
                    model, none, "workers",
                    "Workers left out for a while because they alone fail."},
  metric_definition{metric::worker_ejections, "troupe_worker_ejections_total",
                    counter, model, none, "ejections",
                    "Workers left out after 5 failures in a row."},
  metric_definition{metric::scale_desired_workers,
                    "troupe_scale_desired_workers", gauge, model, none,
                    "workers", "Workers that the model's work asks for."},
  metric_definition{metric::alloc_workers, "troupe_alloc_workers", gauge, model,
                    worker_state, "workers",
                    "Workers that a pool gives the model."},
  metric_definition{metric::alloc_moves, "troupe_alloc_moves_total", counter,
                    model, direction, "moves",
                    "Workers that a pool moved to or from the model."},
  metric_definition{metric::alloc_load_seconds, "troupe_alloc_load_seconds",
                    histogram, model, none, "seconds",
                    "From the decision to move a worker until it serves."},
  metric_definition{metric::actors, "troupe_actors", gauge, none, none,
                    "actors", "Actors in the catalog."},
  metric_definition{metric::actor_restarts, "troupe_actor_restarts_total",
                    counter, none, none, "restarts",
                    "Actors restarted by their supervisors."},
  metric_definition{metric::actors_quarantined, "troupe_actors_quarantined",
                    gauge, none, none, "actors",
                    "Actors that spent their restart budget."},
  metric_definition{metric::system_letters, "troupe_system_letters_total",
                    counter, letter, none, "messages",
                    "Messages that reached nobody, by reason."},
  metric_definition{metric::shards_ready, "troupe_shards_ready", gauge, none,
                    none, "shards", "Shards that serve."},
  metric_definition{metric::shards, "troupe_shards", gauge, none, none,
                    "shards", "Configured shards."},
  metric_definition{metric::draining, "troupe_draining", gauge, none, none,
                    "0 or 1", "1 while the node stops."},
};
static_assert(table.size() == metric_count);

constexpr bool in_order() {
  for (size_t i = 0; i < table.size(); ++i)
    if (static_cast<size_t>(table[i].id) != i)
      return false;
  return true;
}
static_assert(in_order());

constexpr std::array<std::string_view, 3> tier_values{"flex", "default",
                                                      "priority"};
constexpr std::array<std::string_view, 5> terminal_values{
  "completed", "incomplete", "failed", "cancelled", "expired"};
constexpr std::array<std::string_view, 3> answer_values{"2xx", "4xx", "5xx"};
constexpr std::array<std::string_view, 3> stage_values{"header", "body",
                                                       "answer"};
constexpr std::array<std::string_view, 16> admission_values{
  "accepted",
  "replayed",
  "queue_full",
  "draining",
  "storage_unavailable",
  "shard_unavailable",
  "model_not_found",
  "model_unavailable",
  "context_too_long",
  "idempotency_mismatch",
  "validation_failed",
  "quarantined_input",
  "deadline_unmeetable",
  "quota_exceeded",
  "rate_limited",
  "timeout"};
constexpr std::array<std::string_view, 5> attempt_values{
  "finished", "failed", "worker_lost", "model_error", "stopped"};
constexpr std::array<std::string_view, 5> rung_values{
  "longer_context", "model", "output_limit", "context", "shed"};
constexpr std::array<std::string_view, 3> cause_values{
  "worker_lost", "model_error", "suspect_batch"};
constexpr std::array<std::string_view, 3> breaker_values{"closed", "open",
                                                         "half_open"};
constexpr std::array<std::string_view, 3> worker_values{"ready", "loading",
                                                        "draining"};
constexpr std::array<std::string_view, 2> direction_values{"in", "out"};
constexpr std::array<std::string_view, 3> stage_of_ladder_values{
  "admission", "pick", "mid_run"};
constexpr std::array<std::string_view, 3> class_values{"interactive",
                                                       "standard", "batch"};
constexpr std::array<std::string_view, 2> quantity_values{"service",
                                                          "output_tokens"};
constexpr std::array<std::string_view, 2> scope_values{"queued", "running"};
constexpr std::array<std::string_view, 15> reason_values{
  "ahead_in_order",   "tenant_gate",       "no_free_slot",  "no_worker",
  "breaker_open",     "upstream_paused",   "retry_delay",   "retry_budget",
  "solo_retry",       "conversation_turn", "graph_parents", "shard_moving",
  "store_unwritable", "admission_paused",  "not_announced"};
constexpr std::array<std::string_view, 3> lease_values{"granted", "refused",
                                                       "timed_out"};
constexpr std::array<std::string_view, 2> idle_values{"no_work", "held_back"};
constexpr std::array<std::string_view, 5> letter_values{
  "undeliverable", "unmatched", "errors", "exceptions", "stale"};

} // namespace

std::span<const metric_definition> metric_definitions() noexcept {
  return table;
}

const metric_definition& definition_of(metric id) noexcept {
  return table[static_cast<size_t>(id)];
}

std::string_view label_name(label_domain domain) noexcept {
  switch (domain) {
    case none:
      return "";
    case model:
      return "model";
    case tier:
      return "tier";
    case terminal:
      return "status";
    case answer_class:
    case job_class:
      return "class";
    case timeout_stage:
    case ladder_stage:
      return "stage";
    case admission:
    case attempt_end:
    case lease_outcome:
      return "outcome";
    case ladder_rung:
      return "rung";
    case retry_cause:
    case idle_cause:
      return "cause";
    case target:
      return "target";
    case breaker:
      return "to";
    case worker_state:
      return "state";
    case direction:
      return "direction";
    case letter:
    case label_domain::wait_reason:
      return "reason";
    case quantity:
      return "quantity";
    case backlog_scope:
      return "scope";
  }
  return "";
}

std::span<const std::string_view> label_values(label_domain domain) noexcept {
  switch (domain) {
    case none:
    case model:
    case target:
      return {};
    case tier:
      return tier_values;
    case terminal:
      return terminal_values;
    case answer_class:
      return answer_values;
    case timeout_stage:
      return stage_values;
    case admission:
      return admission_values;
    case attempt_end:
      return attempt_values;
    case ladder_rung:
      return rung_values;
    case retry_cause:
      return cause_values;
    case breaker:
      return breaker_values;
    case worker_state:
      return worker_values;
    case direction:
      return direction_values;
    case letter:
      return letter_values;
    case ladder_stage:
      return stage_of_ladder_values;
    case job_class:
      return class_values;
    case quantity:
      return quantity_values;
    case backlog_scope:
      return scope_values;
    case label_domain::wait_reason:
      return reason_values;
    case lease_outcome:
      return lease_values;
    case idle_cause:
      return idle_values;
  }
  return {};
}

std::string_view to_string(metric_type type) noexcept {
  switch (type) {
    case counter:
      return "counter";
    case gauge:
      return "gauge";
    case histogram:
      return "histogram";
  }
  return "";
}

} // namespace troupe::runtime
