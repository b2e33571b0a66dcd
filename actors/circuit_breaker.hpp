// Whether calls to one model may go on. Owns the model's breaker (runtime/
// overload/breaker.hpp) and tells who must know: the dispatcher, which leases
// only with a permit, and the node's board, from which admission and the admin
// API read. Supervised by its model's supervisor, before the dispatcher.
//
//   dispatcher --ask_permits--> circuit_breaker --breaker_changed--> dispatcher
//        | ticket in lease and run_attempt              ^
//        v                                              | call_ended
//       job --start_attempt--> model_worker ------------+
//
// Permits are pushed, not asked for one by one: while the breaker is closed the
// dispatcher has a standing one and leasing costs no message here. Otherwise it
// asks, and each probe is a ticket of its own. Every message may be late or lost
// with a dying actor:
//
// - The breaker dies: what it knew is lost, its line on the board and what the
//   dispatcher was told stay in force, and its successor starts half-open and
//   tells them so. Tickets of the old one are of a round that never comes again.
//   Quarantined, it is missed: after `breaker_absence_max` the model goes on
//   without one.
// - The dispatcher dies: its successor asks first. Probes that died with it come
//   back by time: half-open ends after 30 s, at worst in another opening.
// - A worker dies: its engine's death is reported for each attempt; if nobody
//   can report, a probe counts as lost.
//
// No job is held here: what may not run waits in its queue, durable.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/breaker_messages.hpp"
#include "actors/inspectable.hpp"

#include <string>

namespace troupe::actors {

using circuit_breaker_actor = caf::typed_actor<
  // The dispatcher, which is the sender.
  caf::result<void>(ask_permits),
  // Workers and jobs; the dispatcher for permits that it did not use.
  caf::result<void>(call_ended),
  // Operators.
  caf::result<void>(force_breaker), caf::result<void>(reset_breaker),
  // To itself: time may have changed something.
  caf::result<void>(breaker_tick_atom)>::extend_with<inspectable_actor>;

struct circuit_breaker_config {
  std::string model; ///< The target's name.
  runtime::breaker_settings settings;
};

circuit_breaker_actor spawn_circuit_breaker(actor_env& env,
                                            circuit_breaker_config config,
                                            uint64_t generation);

/// Tells the model's breaker, if it has one now. A ticket that is not counted is
/// not worth a message and sends none.
void report_call(const actor_env& env, const std::string& model,
                 const runtime::call_outcome& outcome);

} // namespace troupe::actors
