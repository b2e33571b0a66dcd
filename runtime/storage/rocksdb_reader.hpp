// Reads of the RocksDB store. Thread-safe: every call stands alone.
#pragma once

#include "runtime/storage/rocksdb_tables.hpp"
#include "runtime/storage/store.hpp"

namespace troupe::runtime {

class rocksdb_reader final : public store_reader {
public:
  /// `tables` outlives the reader.
  explicit rocksdb_reader(const rocksdb_tables& tables) noexcept
    : tables_{tables} {}

  result<job_record> record(job_id id) const override;
  result<job_spec> spec(job_id id) const override;
  result<job_output> output(job_id id) const override;
  result<std::vector<event>> events(job_id id, uint64_t from_seq,
                                    size_t limit) const override;
  result<job_page> list(const job_query& query) const override;
  result<std::vector<replay_run>> runs() const override;

private:
  const rocksdb_tables& tables_;
};

} // namespace troupe::runtime
