// Every message type and its number. Append-only: positions are the wire format
// (a golden test pins them). Forward declarations suffice here.
#pragma once

#include <caf/type_id.hpp>

namespace troupe::actors {
// inspection
struct inspect_actor;
struct actor_snapshot;
struct list_actors;
struct actor_list;
// queue_shard
struct submit_job;
struct estimate_job;
struct get_job;
struct watch_job;
struct forget_reader;
struct cancel_job;
struct settle_letter;
struct keep_run;
struct keep_value;
struct shard_opened;
struct shard_committed;
struct open_feed;
struct lease_jobs;
struct publish_policy;
struct job_idle;
struct running_late;
// job
struct run_attempt;
struct expire_job;
struct degrade_job;
struct cut_over_job;
struct job_loaded;
struct attempt_progress;
struct attempt_ended;
// journal
struct open_shard;
struct commit_request;
// store_reader
struct load_job;
struct read_view;
struct read_events;
struct read_output;
struct list_jobs;
struct load_runs;
// replay_runner
struct start_run;
struct steer_run;
struct list_runs;
struct runs_loaded;
struct runner_answer;
// dispatcher
struct announce_heads;
struct worker_ready;
struct worker_gone;
struct attempt_freed;
struct attempt_parked;
struct lease_answer;
struct attempts_lost;
struct backlog_report;
struct attempt_measured;
// model_worker
struct start_attempt;
struct cancel_attempt;
struct preempt_attempt;
struct resume_attempt;
// circuit_breaker
struct ask_permits;
struct call_ended;
struct force_breaker;
struct reset_breaker;
struct breaker_changed;
// supervisor
struct child_notice;
struct stop_children;
struct wake_child;
struct rest_child;
struct child_rested;
// allocator
struct retire_worker;
struct worker_retired;
struct yield_attempts;
} // namespace troupe::actors

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(troupe, caf::first_custom_type_id)
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::inspect_actor))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::actor_snapshot))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::list_actors))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::actor_list))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::submit_job))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::get_job))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::watch_job))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::forget_reader))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::cancel_job))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::shard_opened))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::shard_committed))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::open_feed))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::lease_jobs))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::job_idle))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::run_attempt))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::expire_job))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::job_loaded))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::attempt_progress))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::attempt_ended))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::open_shard))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::commit_request))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::load_job))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::read_view))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::read_events))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::read_output))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::list_jobs))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::announce_heads))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::worker_ready))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::worker_gone))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::attempt_freed))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::lease_answer))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::attempts_lost))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::start_attempt))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::cancel_attempt))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::child_notice))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::stop_children))
  CAF_ADD_ATOM(troupe, troupe::actors, shard_tick_atom)
  CAF_ADD_ATOM(troupe, troupe::actors, leave_atom)
  CAF_ADD_ATOM(troupe, troupe::actors, flush_atom)
  CAF_ADD_ATOM(troupe, troupe::actors, journal_tick_atom)
  CAF_ADD_ATOM(troupe, troupe::actors, dispatch_tick_atom)
  CAF_ADD_ATOM(troupe, troupe::actors, engine_woke_atom)
  CAF_ADD_ATOM(troupe, troupe::actors, engine_poll_atom)
  CAF_ADD_ATOM(troupe, troupe::actors, supervise_tick_atom)
  CAF_ADD_ATOM(troupe, troupe::actors, drain_atom)
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::publish_policy))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::backlog_report))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::attempt_measured))
  CAF_ADD_ATOM(troupe, troupe::actors, policy_tick_atom)
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::degrade_job))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::settle_letter))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::keep_run))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::load_runs))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::start_run))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::steer_run))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::list_runs))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::runs_loaded))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::runner_answer))
  CAF_ADD_ATOM(troupe, troupe::actors, runner_tick_atom)
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::ask_permits))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::call_ended))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::force_breaker))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::reset_breaker))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::breaker_changed))
  CAF_ADD_ATOM(troupe, troupe::actors, breaker_tick_atom)
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::estimate_job))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::wake_child))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::rest_child))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::child_rested))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::retire_worker))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::worker_retired))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::yield_attempts))
  CAF_ADD_ATOM(troupe, troupe::actors, allocator_tick_atom)
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::keep_value))
  CAF_ADD_ATOM(troupe, troupe::actors, costs_tick_atom)
  CAF_ADD_ATOM(troupe, troupe::actors, memory_tick_atom)
  CAF_ADD_ATOM(troupe, troupe::actors, dispatch_now_atom)
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::preempt_attempt))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::resume_attempt))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::attempt_parked))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::running_late))
  CAF_ADD_TYPE_ID(troupe, (troupe::actors::cut_over_job))
CAF_END_TYPE_ID_BLOCK(troupe)
// clang-format on
