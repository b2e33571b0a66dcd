// Decides, when a store is opened, where each shard ends and whether its
// history can be trusted: from the shards' rows, the ring of ledger lines and
// the high-water marks. Pure; the database is read by rocksdb_loader.
#pragma once

#include "runtime/storage/high_water.hpp"
#include "runtime/storage/rocksdb_layout.hpp"

#include <cstdint>
#include <vector>

namespace troupe::runtime {

struct shard_state {
  shard_row row;            ///< `last_seq` is exact, `damage` is decided.
  uint64_t last_commit = 0; ///< Of its latest entry in the ring; 0 = none.
};

struct ledger_state {
  std::vector<shard_state> shards; ///< By number.
  uint64_t next_commit = 1;
};

/// `lines`: whatever can be read of the ring, in any order; what is missing is
/// a hole. A shard is quarantined (`damage`) when
/// - its numbers skip one, or do not start at 1 where they must;
/// - its epochs fall, or exceed that of its row;
/// - its row or mark is ahead of the ring, or the marked commit is another one;
/// - a hole may have held its first or last commits.
ledger_state audit(std::vector<shard_row> rows, std::vector<ledger_line> lines,
                   const shard_marks& marks);

} // namespace troupe::runtime
