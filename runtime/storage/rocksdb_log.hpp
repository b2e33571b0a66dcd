// RocksDB's own messages, as lines of the node's log instead of a file beside the
// data: one log to read, and a full disk has no say in it (RocksDB built with
// assertions aborts at the second failed write to its log file).
#pragma once

#include <memory>

namespace rocksdb {
class Logger;
} // namespace rocksdb

namespace troupe::runtime {

/// Warnings and worse, area `rocksdb`. Thread-safe.
std::shared_ptr<rocksdb::Logger> make_rocksdb_log();

} // namespace troupe::runtime
