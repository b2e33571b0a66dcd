// The choice, per model, of which queued job gets the next free slot. Soft state
// only: when it dies, shards re-announce and workers introduce themselves again.
// Supervised by its model's supervisor.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/inspectable.hpp"
#include "actors/messages.hpp"
#include "runtime/scheduling/demand_meter.hpp"
#include "runtime/scheduling/dispatch_core.hpp"
#include "runtime/scheduling/policy_source.hpp"

#include <memory>
#include <string>

namespace troupe::actors {

using dispatcher_actor = caf::typed_actor<
  // Shards: the heads of this model's queue; what became of lease requests.
  caf::result<void>(announce_heads), caf::result<void>(lease_answer),
  // Shards: what waits. Jobs: what an attempt took.
  caf::result<void>(backlog_report), caf::result<void>(attempt_measured),
  // Workers: ready (again), gone, done with an attempt.
  caf::result<void>(worker_ready), caf::result<void>(worker_gone),
  caf::result<void>(attempt_freed), caf::result<void>(attempt_parked),
  // The model's breaker: what may be leased. The model's supervisor: a child
  // went down.
  caf::result<void>(breaker_changed), caf::result<void>(child_notice),
  // To itself: an unanswered lease request may be overdue; time to publish.
  caf::result<void>(dispatch_tick_atom), caf::result<void>(policy_tick_atom),
  // The allocator: one of the workers goes to another model.
  caf::result<void>(retire_worker),
  // To itself: what was learnt is to be kept.
  caf::result<void>(costs_tick_atom),
  // No more leases: the node drains.
  caf::result<void>(drain_atom),
  // To itself, behind all that came meanwhile: choose.
  caf::result<void>(dispatch_now_atom)>::extend_with<inspectable_actor>;

struct dispatcher_config {
  std::string model;
  uint16_t shards = 64;
  size_t workers = 1;
  runtime::dispatch_settings dispatch;
  runtime::boost_settings boost;
  runtime::cost_prior prior;
  runtime::demand_settings demand;
  std::shared_ptr<const runtime::queue_rules> rules =
    std::make_shared<runtime::queue_rules>();
};

dispatcher_actor spawn_dispatcher(actor_env& env, dispatcher_config config,
                                  uint64_t generation);

} // namespace troupe::actors
