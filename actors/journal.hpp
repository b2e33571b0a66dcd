// Owns a store's writer: one for the disk, one for what is kept in memory only.
// Collects the commit requests of all shards and jobs:
// everything that arrives during one sync goes into the next one. Then answers
// leave: one post per gateway thread, one message per shard. Supervised by the
// data supervisor, essential; detached. When it dies nothing acknowledged is
// lost, since nothing is acknowledged before its sync. An I/O error is
// fail-stop for the node, never a silent retry.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/inspectable.hpp"
#include "actors/messages.hpp"
#include "runtime/storage/store.hpp"

namespace troupe::actors {

using journal_actor = caf::typed_actor<
  // Commits everything sent before, acquires and loads the shard, and answers
  // the sender with shard_opened.
  caf::result<void>(open_shard),
  // Joins the next group commit.
  caf::result<void>(commit_request),
  // To itself: commits what has been collected.
  caf::result<void>(flush_atom),
  // To itself, each second: free space.
  caf::result<void>(journal_tick_atom)>::extend_with<inspectable_actor>;

struct journal_config {
  /// Below this the node refuses new work (storage-unavailable), bytes.
  uint64_t free_bytes_min = uint64_t{512} << 20;
  /// The writer of ephemeral jobs: it has no disk to watch and loads no shards.
  bool ephemeral = false;
};

/// The journal that commits for a job; null while it restarts.
journal_actor journal_of(const actor_env& env, bool durable);

/// `env` and `store` outlive the actor system.
journal_actor spawn_journal(actor_env& env, runtime::store& store,
                            journal_config config, uint64_t generation);

} // namespace troupe::actors
