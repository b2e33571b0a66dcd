#include "runtime/storage/rocksdb_loader.hpp"

#include "runtime/job_codec.hpp"

#include <rocksdb/db.h>

#include <functional>

namespace troupe::runtime {
namespace {

constexpr size_t records_at_once = 256;

std::string_view view(rocksdb::Slice slice) {
  return {slice.data(), slice.size()};
}

failure damaged(shard_id shard, std::string_view why) {
  return fail(errc::corruption,
              "shard " + std::to_string(shard.value) + ": " + std::string{why});
}

/// Calls `row(key without the shard, value)` for each row of the shard.
result<void> for_each_row(
  const rocksdb_tables& tables, family f, shard_id shard,
  const std::function<result<void>(std::string_view, std::string_view)>& row) {
  const auto prefix = shard_key(shard);
  const auto end = prefix_end(prefix);
  const rocksdb::Slice upper{end};
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper;
  options.readahead_size = 1 << 20;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> rows{
    tables.db().NewIterator(options, tables[f])};
  for (rows->Seek(prefix); rows->Valid(); rows->Next())
    if (auto ok =
          row(view(rows->key()).substr(prefix.size()), view(rows->value()));
        !ok)
      return ok;
  if (!rows->status().ok())
    return to_failure(rows->status(),
                      "load shard " + std::to_string(shard.value));
  return {};
}

/// The ring in order of sequence numbers; `corruption` for a stray line.
struct ring {
  uint64_t first = 1; ///< Number of the oldest line that must be there.
  std::vector<std::optional<ledger_line>> lines;
};

result<ring> read_ring(const rocksdb_tables& tables, shard_id shard,
                       uint64_t last_seq) {
  ring found;
  found.first = last_seq > ledger_ring ? last_seq - ledger_ring + 1 : 1;
  found.lines.resize(last_seq - found.first + 1);
  auto ok = for_each_row(
    tables, family::ledger, shard,
    [&](std::string_view key, std::string_view value) -> result<void> {
      const auto line = decode_ledger_line(value);
      if (!line
          || ledger_key(shard, line->seq).substr(shard_key(shard).size())
               != key)
        return damaged(shard, "a ledger line is unreadable");
      if (line->seq > last_seq)
        return damaged(shard, "the ledger goes on after commit "
                                + std::to_string(last_seq));
      if (line->seq >= found.first)
        found.lines[line->seq - found.first] = line;
      return {};
    });
  if (!ok)
    return ok.error();
  return found;
}

class live_loader {
public:
  live_loader(const rocksdb_tables& tables, const load_visitor& visitor)
    : tables_{tables},
      visitor_{visitor} {
    // The cache is filled: shards alternate within a block of records.
    keys_.reserve(records_at_once);
  }

  result<void> add(std::string_view key) {
    keys_.emplace_back(key);
    return keys_.size() < records_at_once ? result<void>{} : flush();
  }

  result<void> flush() {
    const std::vector<rocksdb::Slice> slices{keys_.begin(), keys_.end()};
    std::vector<rocksdb::PinnableSlice> values(keys_.size());
    std::vector<rocksdb::Status> statuses(keys_.size());
    tables_.db().MultiGet(options_, tables_[family::record], keys_.size(),
                          slices.data(), values.data(), statuses.data(), true);
    for (size_t i = 0; i < keys_.size(); ++i)
      if (auto ok = visit(keys_[i], values[i], statuses[i]); !ok)
        return ok;
    count_ += keys_.size();
    keys_.clear();
    return {};
  }

  size_t count() const noexcept { return count_; }

private:
  result<void> visit(const std::string& key, const rocksdb::Slice& value,
                     const rocksdb::Status& status) {
    const auto id = job_id::from_bytes(key);
    if (!id)
      return fail(errc::corruption, "live index: key is no job id");
    if (status.IsNotFound())
      return fail(errc::corruption, "live job without record: " + id->str());
    if (!status.ok())
      return to_failure(status, "record of " + id->str());
    auto record = decode_record(view(value));
    if (!record)
      return fail(errc::corruption, id->str() + ": " + record.error().context);
    if (record->id != *id)
      return fail(errc::corruption, id->str() + ": another job's record");
    if (visitor_.on_live_job)
      visitor_.on_live_job(std::move(*record));
    return {};
  }

  const rocksdb_tables& tables_;
  const load_visitor& visitor_;
  rocksdb::ReadOptions options_;
  std::vector<std::string> keys_;
  size_t count_ = 0;
};

} // namespace

result<void> check_mark(shard_id shard, const shard_row& row,
                        const shard_mark& mark) {
  if (row.last_seq < mark.seq)
    return damaged(shard, "ends at commit " + std::to_string(row.last_seq)
                            + ", but " + std::to_string(mark.seq)
                            + " had been synced");
  if (row.epoch < mark.epoch)
    return damaged(shard, "is at epoch " + std::to_string(row.epoch) + ", but "
                            + std::to_string(mark.epoch) + " had been synced");
  return {};
}

result<void> check_ledger(const rocksdb_tables& tables, shard_id shard,
                          const shard_row& row, const shard_mark& mark) {
  const auto found = read_ring(tables, shard, row.last_seq);
  if (!found)
    return found.error();
  uint64_t epoch = 1;
  for (size_t i = 0; i < found->lines.size(); ++i) {
    const auto& line = found->lines[i];
    const auto seq = found->first + i;
    if (!line)
      return damaged(shard, "commit " + std::to_string(seq)
                              + " is missing from the ledger");
    if (line->epoch < epoch || line->epoch > row.epoch)
      return damaged(shard, "commit " + std::to_string(seq)
                              + " has an epoch out of order");
    epoch = line->epoch;
    if (seq == mark.seq && line->ops_crc != mark.line_crc)
      return damaged(shard, "commit " + std::to_string(seq)
                              + " is not the one that had been synced");
  }
  return {};
}

result<size_t> load_live_jobs(const rocksdb_tables& tables, shard_id shard,
                              const load_visitor& visitor) {
  live_loader loader{tables, visitor};
  if (auto ok = for_each_row(tables, family::live, shard,
                             [&](std::string_view key, std::string_view) {
                               return loader.add(key);
                             });
      !ok)
    return ok.error();
  if (auto ok = loader.flush(); !ok)
    return ok.error();
  return loader.count();
}

result<void> load_idempotency(const rocksdb_tables& tables, shard_id shard,
                              const load_visitor& visitor) {
  return for_each_row(
    tables, family::idempotency, shard,
    [&](std::string_view key, std::string_view value) -> result<void> {
      auto entry = decode_idempotency(value);
      if (!entry)
        return damaged(shard, entry.error().context);
      if (visitor.on_idempotency)
        visitor.on_idempotency(std::string{key}, std::move(*entry));
      return {};
    });
}

} // namespace troupe::runtime
