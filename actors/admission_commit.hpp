// What a shard admits under, and the one commit that makes an admitted job
// durable: its request, its record, its first events and, if it came with one,
// its idempotency key.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/messages.hpp"

#include <optional>

namespace troupe::actors {

/// `spec` has its id; the sink of `reply` hears of it once it is on disk.
commit_request
make_admission_commit(uint64_t epoch, runtime::admitted job,
                      runtime::spec_ptr spec, const std::string& key,
                      const std::optional<runtime::idempotency_entry>& entry,
                      runtime::sink_ref reply);

/// Drops the idempotency keys whose time is over; nothing if there are none.
std::optional<commit_request> make_expiry_commit(runtime::shard_ledger& ledger,
                                                 runtime::wall_time now);

/// The steps down the ladder that the admission itself took.
void count_steps(actor_env& env, const runtime::job_record& record);

} // namespace troupe::actors
