// One engine and its slots. Admits attempts, keeps a few in a line for the next
// free slot, hands their output to the jobs, cancels, and reports free slots to
// its dispatcher. Supervised by its model's
// supervisor: when the engine dies the worker tells the jobs, dies too and is
// started again with a fresh engine after a backoff.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/inspectable.hpp"
#include "actors/messages.hpp"
#include "models/engine.hpp"

namespace troupe::actors {

using model_worker_actor = caf::typed_actor<
  // The sender is the job that gets the reports.
  caf::result<void>(start_attempt), caf::result<void>(cancel_attempt),
  // Its dispatcher: an attempt leaves its slot, or returns to one.
  caf::result<void>(preempt_attempt), caf::result<void>(resume_attempt),
  // The allocator: it goes to another model and cannot wait any longer.
  caf::result<void>(yield_attempts),
  // A (re)started dispatcher or allocator: introduce yourself.
  caf::result<void>(open_feed),
  // The engine has something to poll; the next poll is due.
  caf::result<void>(engine_woke_atom),
  caf::result<void>(engine_poll_atom,
                    uint64_t)>::extend_with<inspectable_actor>;

struct model_worker_config {
  std::string model;
  size_t index = 0;
  models::engine_factory make_engine;
  std::string pool; ///< Whose allocator hears of it; empty: nobody's.
};

model_worker_actor spawn_model_worker(actor_env& env,
                                      model_worker_config config,
                                      uint64_t generation);

} // namespace troupe::actors
