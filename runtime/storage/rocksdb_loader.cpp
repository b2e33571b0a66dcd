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

/// Calls `row(key without the prefix, value)` for each row with the prefix.
result<void> for_each_row(
  const rocksdb_tables& tables, family f, const std::string& prefix,
  const std::function<result<void>(std::string_view, std::string_view)>& row) {
  const auto end = prefix_end(prefix);
  const rocksdb::Slice upper{end};
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = end.empty() ? nullptr : &upper;
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
                      "load "
                        + std::string{family_names[static_cast<size_t>(f)]});
  return {};
}

/// A row that cannot be read quarantines its shard.
result<std::vector<shard_row>> read_rows(const rocksdb_tables& tables,
                                         uint16_t shards) {
  std::vector<shard_row> rows(shards);
  auto ok = for_each_row(
    tables, family::shard, {},
    [&](std::string_view key, std::string_view value) -> result<void> {
      for (uint16_t i = 0; i < shards; ++i) {
        if (shard_key({i}) != key)
          continue;
        auto row = decode_shard_row(value);
        rows[i] = row ? std::move(*row) : shard_row{};
        if (!row)
          rows[i].damage = "its row is unreadable";
        rows[i].owner.clear(); // A lease of the process before us.
        return {};
      }
      return fail(errc::corruption, "a row of a shard that does not exist");
    });
  if (!ok)
    return ok.error();
  return rows;
}

class live_loader {
public:
  live_loader(const rocksdb_tables& tables, const load_visitor& visitor)
    : tables_{tables}, visitor_{visitor} {
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

result<ledger_state> read_ledger(const rocksdb_tables& tables, uint16_t shards,
                                 const shard_marks& marks) {
  auto rows = read_rows(tables, shards);
  if (!rows)
    return rows.error();
  std::vector<ledger_line> lines;
  auto ok = for_each_row(
    tables, family::ledger, {},
    [&](std::string_view key, std::string_view value) -> result<void> {
      auto line = decode_ledger_line(value);
      if (line && ledger_key(line->commit) == key)
        lines.push_back(std::move(*line));
      return {}; // What is unreadable is missing, and the audit notices.
    });
  if (!ok)
    return ok.error();
  return audit(std::move(*rows), std::move(lines), marks);
}

result<size_t> load_live_jobs(const rocksdb_tables& tables, shard_id shard,
                              const load_visitor& visitor) {
  live_loader loader{tables, visitor};
  if (auto ok = for_each_row(tables, family::live, shard_key(shard),
                             [&](std::string_view key, std::string_view) {
                               return loader.add(key);
                             });
      !ok)
    return ok.error();
  if (auto ok = loader.flush(); !ok)
    return ok.error();
  return loader.count();
}

result<void> load_budgets(const rocksdb_tables& tables, shard_id shard,
                          const load_visitor& visitor) {
  return for_each_row(
    tables, family::budget, shard_key(shard),
    [&](std::string_view key, std::string_view value) -> result<void> {
      auto record = decode_tenant_record(value);
      if (!record)
        return damaged(shard, record.error().context);
      if (visitor.on_budget)
        visitor.on_budget(std::string{key}, std::move(*record));
      return {};
    });
}

result<void> load_idempotency(const rocksdb_tables& tables, shard_id shard,
                              const load_visitor& visitor) {
  return for_each_row(
    tables, family::idempotency, shard_key(shard),
    [&](std::string_view key, std::string_view value) -> result<void> {
      auto entry = decode_idempotency(value);
      if (!entry)
        return damaged(shard, entry.error().context);
      if (visitor.on_idempotency)
        visitor.on_idempotency(std::string{key}, std::move(*entry));
      return {};
    });
}

result<void> load_values(const rocksdb_tables& tables, shard_id shard,
                         const load_visitor& visitor) {
  if (!visitor.on_value)
    return {};
  return for_each_row(
    tables, family::value, shard_key(shard),
    [&](std::string_view name, std::string_view bytes) -> result<void> {
      visitor.on_value(std::string{name}, std::string{bytes});
      return {};
    });
}

} // namespace troupe::runtime
