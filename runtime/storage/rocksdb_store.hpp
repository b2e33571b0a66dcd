// The embedded store: one RocksDB database per node. Its layout is drawn in
// rocksdb_layout.hpp, its directory in data_directory.hpp, what damage it
// notices in docs/adr/0002-embedded-store.md.
#pragma once

#include "runtime/storage/store.hpp"

#include <memory>
#include <string>

namespace rocksdb {
class Env;
} // namespace rocksdb

namespace troupe::runtime {

enum class durability : uint8_t {
  fsync = 1, ///< A commit survives a power cut.
  os         ///< A commit survives the process; synced within a second.
};

struct rocksdb_config {
  std::string directory;
  uint16_t shards = 64; ///< 1..1,024; fixed once the directory exists.
  runtime::durability durability = runtime::durability::fsync;
  size_t block_cache_bytes = 64u << 20;    ///< 1 MiB..
  size_t memtables_bytes_max = 128u << 20; ///< 8 MiB..
  /// Of the write-ahead log: bounds the replay after a crash. 8 MiB..
  size_t log_bytes_max = 64u << 20;
  /// For tests that inject faults; null: the machine's.
  rocksdb::Env* env = nullptr;
};

/// Opens or creates. Refusals: as data_directory::open says, and `corruption`
/// for a database that is damaged as a whole. A damaged shard is refused later,
/// alone, by `acquire` and `load`.
result<std::unique_ptr<store>> open_rocksdb_store(const rocksdb_config& config);

} // namespace troupe::runtime
