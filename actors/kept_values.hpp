// What a shard's store kept of things that may be lost: learnt costs and poison
// inputs. Read when the shard opens.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/messages.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace troupe::actors {

/// Learnt costs become their model's policy until its dispatcher publishes
/// another; poison inputs go on the board. What is damaged is logged and left
/// out. Returns a commit that forgets what is no longer needed, if anything is.
std::optional<commit_request>
restore_values(actor_env& env, runtime::shard_ledger& ledger,
               runtime::shard_id shard,
               const std::vector<std::pair<std::string, std::string>>& values);

commit_request make_value_commit(runtime::shard_id shard, uint64_t epoch,
                                 keep_value x);

} // namespace troupe::actors
