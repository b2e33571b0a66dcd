// What ceiling and skeleton commit to: one RocksDB, one record per submission,
// one synced WriteBatch per call. Used by one thread at a time.
#pragma once

#include <memory>
#include <span>
#include <string>

namespace rocksdb {
class DB;
}

namespace troupe::bench {

class job_log {
public:
  /// Creates the database under `dir`. Ends the process with a message when
  /// that fails: a bench without a disk has nothing to say.
  explicit job_log(const std::string& dir);
  ~job_log();

  /// Durable when it returns. Ends the process when the disk refuses.
  void commit(std::span<const std::string> records);

private:
  std::unique_ptr<rocksdb::DB> db_;
  uint64_t next_key_ = 0;
};

} // namespace troupe::bench
