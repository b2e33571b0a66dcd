// The one list of metrics: what each is called, counts and means. The registry
// is built from it, and docs/metrics.md is compared with it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace troupe::runtime {

enum class metric : uint8_t {
  http_requests,
  http_answers,
  http_connections,
  http_connections_accepted,
  http_connections_refused,
  http_accept_pauses,
  http_guard_refusals,
  http_guard_disagreements,
  http_timeouts,
  http_sessions_escaped,
  streams,
  streams_opened,
  streams_slow,
  streams_refused,
  stream_events,
  stream_rereads,
  jobs_submitted,
  jobs_ended,
  jobs_dead,
  jobs_live,
  jobs_resident,
  queue_depth,
  queue_wait_seconds,
  compute_seconds,
  delivery_seconds,
  first_token_seconds,
  input_tokens,
  output_tokens,
  attempts,
  degraded,
  retries,
  retry_budget_left,
  breaker_state,
  breaker_transitions,
  sched_prediction_ratio,
  sched_prediction_kendall_tau,
  sched_labels_used,
  sched_crowded,
  sched_gamma,
  sched_boost_limit_seconds,
  sched_starvation_bound_seconds,
  sched_queued_jobs,
  sched_queue_wait_seconds,
  sched_backlog_seconds,
  sched_blocked_seconds,
  sched_overdue_jobs,
  sched_starvation_violations,
  sched_gate_throttled_tenants,
  sched_gate_gap_seconds,
  sched_leases,
  sched_lease_seconds,
  sched_announce_delay_seconds,
  sched_slot_idle_seconds,
  sched_ahead,
  sched_rebuilds,
  sched_preemptions,
  commit_seconds,
  commit_batches,
  commit_failures,
  budget_reserved_cost,
  memory_bytes,
  memory_bytes_max,
  memory_level,
  store_free_bytes,
  store_writable,
  engine_slots,
  engine_restarts,
  workers_ejected,
  worker_ejections,
  scale_desired_workers,
  alloc_workers,
  alloc_moves,
  alloc_load_seconds,
  actors,
  actor_restarts,
  actors_quarantined,
  system_letters,
  shards_ready,
  shards,
  draining
};
constexpr size_t metric_count = static_cast<size_t>(metric::draining) + 1;

enum class metric_type : uint8_t { counter, gauge, histogram };

/// Where a label's values come from. Whatever is not among them counts as
/// `other`, so that no client can make a series.
enum class label_domain : uint8_t {
  none,
  model,         ///< The configured models.
  tier,          ///< flex default priority.
  terminal,      ///< Terminal job statuses.
  answer_class,  ///< 2xx 4xx 5xx.
  timeout_stage, ///< header body answer.
  admission,     ///< accepted, replayed and the codes of a refusal.
  ladder_rung,   ///< longer_context model output_limit context shed.
  ladder_stage,  ///< admission pick mid_run.
  attempt_end,   ///< How an attempt ended.
  retry_cause,   ///< Why an attempt is repeated.
  target,        ///< What a breaker guards: the configured models.
  breaker,       ///< closed open half_open.
  worker_state,  ///< ready loading draining.
  direction,     ///< in out.
  letter,        ///< Why a message reached nobody.
  job_class,     ///< interactive standard batch.
  quantity,      ///< What was predicted: service output_tokens.
  backlog_scope, ///< queued running.
  wait_reason,   ///< Why jobs wait.
  lease_outcome, ///< granted refused timed_out.
  idle_cause     ///< no_work held_back.
};

struct metric_definition {
  metric id;
  std::string_view name;
  metric_type type;
  label_domain first = label_domain::none;
  label_domain second = label_domain::none;
  std::string_view unit;
  std::string_view about; ///< One sentence.
  label_domain third = label_domain::none;
};

/// In the order of `metric`.
std::span<const metric_definition> metric_definitions() noexcept;

const metric_definition& definition_of(metric id) noexcept;

/// The label's name, e.g. `model`; empty for `none`.
std::string_view label_name(label_domain domain) noexcept;

/// The fixed values, without `other`; empty for `model` and `target`.
std::span<const std::string_view> label_values(label_domain domain) noexcept;

std::string_view to_string(metric_type type) noexcept;

} // namespace troupe::runtime
