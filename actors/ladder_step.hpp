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

} // namespace troupe::actors
