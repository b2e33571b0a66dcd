// What the degradation ladder says of one waiting job, as commands to its actor.
#pragma once

#include "actors/messages.hpp"

#include <optional>

namespace troupe::actors {

struct ladder_step {
  bool starts = false; ///< The attempt may be leased, after `degrade` if set.
  bool ends = false;
  std::optional<expire_job> expire;
  std::optional<degrade_job> degrade;
};

ladder_step ladder_step_of(const runtime::shard_ledger& ledger,
                           runtime::job_id id,
                           const runtime::ladder_choice& choice);

/// Where a job that runs late goes on; nothing: it stays.
std::optional<cut_over_job> cutover_of(const runtime::shard_ledger& ledger,
                                       const running_late& x,
                                       runtime::wall_time now);

} // namespace troupe::actors
