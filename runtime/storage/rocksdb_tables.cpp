#include "runtime/storage/rocksdb_tables.hpp"

#include "runtime/storage/posix_file.hpp"
#include "runtime/storage/rocksdb_log.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include <vector>

namespace troupe::runtime {
namespace {

constexpr size_t mib = 1024 * 1024;

rocksdb::DBOptions database_options(const rocksdb_tables_config& config) {
  rocksdb::DBOptions o;
  if (config.env != nullptr)
    o.env = config.env;
  o.create_if_missing = config.may_create;
  o.create_missing_column_families = true;
  // A torn tail is what a crash leaves; the high-water mark and the ledger tell
  // it from damage (design/reliability.md section 4).
  o.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // Not recycled: an old record behind the end would look like damage.
  o.recycle_log_file_num = 0;
  // Ready sooner after a crash: replayed data stays in memory.
  o.avoid_flush_during_recovery = true;
  o.max_total_wal_size = config.log_bytes_max;
  o.db_write_buffer_size = config.memtables_bytes_max;
  o.max_open_files = 512;
  o.max_background_jobs = 2;
  o.bytes_per_sync = mib; // No burst of dirty pages in front of a sync.
  // One writer: nothing to share a commit with.
  o.allow_concurrent_memtable_write = false;
  o.enable_write_thread_adaptive_yield = false;
  // Fail-stop: no retry behind our back (Rebello et al., ATC'20).
  o.max_bgerror_resume_count = 0;
  o.info_log = make_rocksdb_log();
  o.stats_dump_period_sec = 0;
  o.stats_persist_period_sec = 0;
  o.skip_stats_update_on_db_open = true;
  return o;
}

size_t memtable_bytes(family f) {
  switch (f) {
    case family::spec:
    case family::event:
      return 32 * mib;
    case family::record:
    case family::output:
      return 16 * mib;
    case family::live:
    case family::idempotency:
    case family::ledger:
    case family::shard:
    case family::run:
    case family::value:
    case family::budget:
      break;
  }
  return 8 * mib;
}

rocksdb::ColumnFamilyOptions
family_options(family f, const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::ColumnFamilyOptions o;
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  // None: a store must open wherever RocksDB does, whatever it was built with.
  o.compression = rocksdb::kNoCompression;
  o.write_buffer_size = memtable_bytes(f);
  // Ten families: the first block of each must not fill the total.
  o.arena_block_size = 256 * 1024;
  o.max_write_buffer_number = 4;
  o.level_compaction_dynamic_level_bytes = true;
  // Keys that come and go: rewrite a file when half of a run of 1,024 keys is
  // tombstones, so that `load` does not walk over the dead.
  if (f == family::live || f == family::idempotency)
    o.table_properties_collector_factories.push_back(
      rocksdb::NewCompactOnDeletionCollectorFactory(1024, 512));
  return o;
}

std::vector<rocksdb::ColumnFamilyDescriptor>
descriptors(const rocksdb_tables_config& config) {
  const auto cache = rocksdb::NewLRUCache(config.block_cache_bytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> all;
  for (size_t i = 0; i < family_names.size(); ++i)
    all.emplace_back(std::string{family_names[i]},
                     family_options(static_cast<family>(i), cache));
  all.emplace_back(rocksdb::kDefaultColumnFamilyName,
                   rocksdb::ColumnFamilyOptions{});
  return all;
}

} // namespace

rocksdb_tables::rocksdb_tables() = default;

result<std::unique_ptr<rocksdb_tables>>
rocksdb_tables::open(const rocksdb_tables_config& config) {
  if (config.may_create) // RocksDB would log a missing folder as an error.
    if (auto ok = make_directories(config.path); !ok)
      return ok.error();
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::Open(database_options(config), config.path,
                                        descriptors(config), &handles, &db);
  if (!status.ok())
    return to_failure(status, "open database " + config.path);
  // tidy: names: the constructor is private, make_unique cannot reach it
  std::unique_ptr<rocksdb_tables> tables{new rocksdb_tables};
  tables->db_.reset(db);
  std::copy_n(handles.begin(), family_names.size(), tables->handles_.begin());
  tables->default_handle_ = handles.back();
  return tables;
}

rocksdb_tables::~rocksdb_tables() {
  for (auto* handle : handles_)
    db_->DestroyColumnFamilyHandle(handle);
  db_->DestroyColumnFamilyHandle(default_handle_);
}

failure to_failure(const rocksdb::Status& status, std::string_view doing) {
  auto code = errc::io_error;
  if (status.IsNotFound())
    code = errc::not_found;
  else if (status.IsCorruption())
    code = errc::corruption;
  else if (status.IsNoSpace())
    code = errc::disk_full;
  return fail(code, std::string{doing} + ": " + status.ToString());
}

} // namespace troupe::runtime
