#include "actors/admission_gate.hpp"

namespace troupe::actors {

runtime::admission_gate admission_gate_of(const actor_env& env,
                                          runtime::duration stall) {
  runtime::admission_gate g{.draining = env.board.draining,
                            .storage_ok = env.board.storage_ok,
                            .memory_ok =
                              env.board.memory != runtime::memory_level::full};
  if (!g.storage_ok)
    g.storage_reason = "the store's disk is below its reserve";
  auto since = env.board.commit_since_us.load();
  if (since != 0
      && env.mono().time_since_epoch().count() - since > stall.count()) {
    g.storage_ok = false;
    g.storage_reason = "the disk does not finish a sync";
  }
  return g;
}

} // namespace troupe::actors
