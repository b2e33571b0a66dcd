// Poison inputs: what a job's actor notes when it dies of them, what admission
// asks, what a shard brings back when it opens.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/messages.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace troupe::actors {

/// If the record is that of a poison job, its input is refused for `ttl` from
/// now on, and that becomes durable with `into`.
void quarantine_input(actor_env& env, const runtime::job_spec& spec,
                      const runtime::job_record& record, runtime::duration ttl,
                      commit_request& into);

/// Set: the job's input crashed an engine before.
std::optional<runtime::refused> refusal_of_input(const actor_env& env,
                                                 const runtime::job_spec& spec);

/// Puts the shard's on the board. Returns what it no longer needs to keep.
std::vector<runtime::store_op> restore_quarantine(
  actor_env& env,
  const std::vector<std::pair<std::string, std::string>>& values);

} // namespace troupe::actors
