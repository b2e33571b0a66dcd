// The open database and its column families; owns both. RocksDB's headers stay
// in the .cpp files.
#pragma once

#include "runtime/result.hpp"
#include "runtime/storage/rocksdb_layout.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <string>

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Env;
class Status;
} // namespace rocksdb

namespace troupe::runtime {

struct rocksdb_tables_config {
  std::string path;
  bool may_create = false;
  size_t block_cache_bytes = 0;
  size_t memtables_bytes_max = 0;
  size_t log_bytes_max = 0;    ///< Of the write-ahead log.
  rocksdb::Env* env = nullptr; ///< Null: the machine's.
};

class rocksdb_tables {
public:
  /// `corruption` when the database is damaged as a whole.
  static result<std::unique_ptr<rocksdb_tables>>
  open(const rocksdb_tables_config& config);

  rocksdb_tables(const rocksdb_tables&) = delete;
  rocksdb_tables& operator=(const rocksdb_tables&) = delete;
  ~rocksdb_tables();

  rocksdb::DB& db() const noexcept { return *db_; }
  rocksdb::ColumnFamilyHandle* operator[](family f) const noexcept {
    return handles_[static_cast<size_t>(f)];
  }

private:
  rocksdb_tables();

  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, family_names.size()> handles_{};
  rocksdb::ColumnFamilyHandle* default_handle_ = nullptr;
};

/// What a status that is not ok means, in our words.
failure to_failure(const rocksdb::Status& status, std::string_view doing);

} // namespace troupe::runtime
