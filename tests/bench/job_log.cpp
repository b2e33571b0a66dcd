#include "tests/bench/job_log.hpp"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <cstdio>
#include <cstdlib>

namespace troupe::bench {

namespace {

void check(const rocksdb::Status& status) {
  if (status.ok())
    return;
  std::fprintf(stderr, "rocksdb: %s\n", status.ToString().c_str());
  std::exit(1);
}

} // namespace

job_log::job_log(const std::string& dir) {
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  check(rocksdb::DB::Open(options, dir, &db));
  db_.reset(db);
}

job_log::~job_log() = default;

void job_log::commit(std::span<const std::string> records) {
  rocksdb::WriteBatch batch;
  for (const auto& record : records) {
    std::string key(8, '\0'); // Big endian, so that keys sort by arrival.
    for (size_t i = 0; i < 8; ++i)
      key[i] = static_cast<char>(next_key_ >> (8 * (7 - i)));
    ++next_key_;
    check(batch.Put(key, record));
  }
  rocksdb::WriteOptions options;
  options.sync = true;
  check(db_->Write(options, &batch));
}

} // namespace troupe::bench
