// What the node's board says about taking new work, as a shard needs it.
#pragma once

#include "actors/actor_env.hpp"
#include "runtime/shard_ledger.hpp"

namespace troupe::actors {

/// `stall`: a commit under way for longer closes the gate.
runtime::admission_gate admission_gate_of(const actor_env& env,
                                          runtime::duration stall);

} // namespace troupe::actors
