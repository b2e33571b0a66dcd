// What a new owner of a shard reads from RocksDB, and how the ledger is
// checked.
#pragma once

#include "runtime/storage/high_water.hpp"
#include "runtime/storage/rocksdb_tables.hpp"
#include "runtime/storage/store.hpp"

namespace troupe::runtime {

/// `corruption` when the shard's row is behind its mark: the database lost
/// commits that had been synced.
result<void> check_mark(shard_id shard, const shard_row& row,
                        const shard_mark& mark);

/// The ring holds exactly the last commits up to row.last_seq, their epochs
/// never fall, and the marked commit is the one that was marked. `corruption`
/// names the first line that is wrong.
result<void> check_ledger(const rocksdb_tables& tables, shard_id shard,
                          const shard_row& row, const shard_mark& mark);

/// Live jobs and idempotency keys, decoded. The answer is their number.
result<size_t> load_live_jobs(const rocksdb_tables& tables, shard_id shard,
                              const load_visitor& visitor);
result<void> load_idempotency(const rocksdb_tables& tables, shard_id shard,
                              const load_visitor& visitor);

} // namespace troupe::runtime
