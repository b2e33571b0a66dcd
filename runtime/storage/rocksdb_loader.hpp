// What a new owner of a shard reads from RocksDB, and how the ledger is
// checked.
#pragma once

#include "runtime/storage/ledger_audit.hpp"
#include "runtime/storage/rocksdb_tables.hpp"
#include "runtime/storage/store.hpp"

namespace troupe::runtime {

/// Reads rows and ring of `shards` shards and audits them. Fails only when the
/// database itself cannot be read; a damaged shard is marked in the answer.
result<ledger_state> read_ledger(const rocksdb_tables& tables, uint16_t shards,
                                 const shard_marks& marks);

/// Live jobs, idempotency keys and budgets, decoded. The answer is their number.
result<size_t> load_live_jobs(const rocksdb_tables& tables, shard_id shard,
                              const load_visitor& visitor);
result<void> load_budgets(const rocksdb_tables& tables, shard_id shard,
                          const load_visitor& visitor);
result<void> load_idempotency(const rocksdb_tables& tables, shard_id shard,
                              const load_visitor& visitor);
result<void> load_values(const rocksdb_tables& tables, shard_id shard,
                         const load_visitor& visitor);

} // namespace troupe::runtime
