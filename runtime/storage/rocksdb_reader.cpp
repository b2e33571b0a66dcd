#include "runtime/storage/rocksdb_reader.hpp"

#include "runtime/job_codec.hpp"
#include "runtime/storage/byte_order.hpp"
#include "runtime/storage/event_chunks.hpp"
#include "runtime/storage/job_scan.hpp"

#include <rocksdb/db.h>

namespace troupe::runtime {
namespace {

template <class Decode>
auto get(const rocksdb_tables& tables, family f, job_id id, Decode decode)
  -> decltype(decode(std::string_view{})) {
  rocksdb::PinnableSlice value;
  const auto key = job_key(id);
  const auto status = tables.db().Get(rocksdb::ReadOptions{}, tables[f],
                                      rocksdb::Slice{key}, &value);
  const std::string_view name = family_names[static_cast<size_t>(f)];
  if (!status.ok())
    return to_failure(status, std::string{name} + " of " + id.str());
  auto decoded = decode(std::string_view{value.data(), value.size()});
  if (!decoded)
    return fail(decoded.error().code, std::string{name} + " of " + id.str()
                                        + ": " + decoded.error().context);
  return decoded;
}

failure wrong_id(job_id id) {
  return fail(errc::corruption, id.str() + ": another job's bytes");
}

/// An iterator within [lower, upper); keeps the bounds alive.
struct bounded_scan {
  bounded_scan(const rocksdb_tables& tables, family f, std::string from,
               std::string to)
    : lower_key{std::move(from)}, upper_key{std::move(to)} {
    options.iterate_lower_bound = &lower;
    options.iterate_upper_bound = upper_key.empty() ? nullptr : &upper;
    rows.reset(tables.db().NewIterator(options, tables[f]));
  }

  std::string lower_key;
  std::string upper_key;
  rocksdb::Slice lower{lower_key};
  rocksdb::Slice upper{upper_key};
  rocksdb::ReadOptions options;
  std::unique_ptr<rocksdb::Iterator> rows;
};

std::string_view view(rocksdb::Slice slice) {
  return {slice.data(), slice.size()};
}

} // namespace

result<job_record> rocksdb_reader::record(job_id id) const {
  auto found = get(tables_, family::record, id, decode_record);
  if (found && found->id != id)
    return wrong_id(id);
  return found;
}

result<job_spec> rocksdb_reader::spec(job_id id) const {
  auto found = get(tables_, family::spec, id, decode_spec);
  if (found && found->id != id)
    return wrong_id(id);
  return found;
}

result<job_output> rocksdb_reader::output(job_id id) const {
  return get(tables_, family::output, id, decode_output);
}

result<std::vector<event>> rocksdb_reader::events(job_id id, uint64_t from_seq,
                                                  size_t limit) const {
  const auto prefix = job_key(id).str();
  bounded_scan scan{tables_, family::event, prefix, prefix_end(prefix)};
  event_page page{from_seq, limit};
  auto& rows = *scan.rows;
  rows.SeekForPrev(rocksdb::Slice{event_key(id, from_seq)});
  if (!rows.Valid() && rows.status().ok())
    rows.SeekToFirst();
  for (; rows.Valid() && !page.full(); rows.Next()) {
    if (rows.key().size() != prefix.size() + 8)
      return fail(errc::corruption, "event key of " + id.str());
    const auto first =
      read_big_endian<uint64_t>(view(rows.key()), prefix.size());
    if (const auto ok = page.add(first, view(rows.value())); !ok)
      return fail(ok.error().code, id.str() + ": " + ok.error().context);
  }
  if (!rows.status().ok())
    return to_failure(rows.status(), "events of " + id.str());
  return std::move(page).take();
}

result<job_page> rocksdb_reader::list(const job_query& query) const {
  if (const auto ok = check(query); !ok)
    return ok.error();
  const auto range = range_of(query);
  job_scan page{query, [this](job_id id) { return spec(id); }};
  if (range.empty())
    return std::move(page).finish(false);
  bounded_scan scan{tables_, family::record, job_key(range.lowest).str(),
                    prefix_end(job_key(range.highest).str())};
  auto& rows = *scan.rows;
  query.descending ? rows.SeekToLast() : rows.SeekToFirst();
  while (rows.Valid() && page.wants_row()) {
    auto record = decode_record(view(rows.value()));
    if (!record)
      return record.error();
    if (std::string_view{job_key(record->id)} != view(rows.key()))
      return wrong_id(record->id);
    if (const auto ok = page.offer(std::move(*record)); !ok)
      return ok.error();
    query.descending ? rows.Prev() : rows.Next();
  }
  if (!rows.status().ok())
    return to_failure(rows.status(), "list");
  return std::move(page).finish(rows.Valid());
}

result<std::vector<replay_run>> rocksdb_reader::runs() const {
  std::unique_ptr<rocksdb::Iterator> rows{
    tables_.db().NewIterator(rocksdb::ReadOptions{}, tables_[family::run])};
  std::vector<replay_run> all;
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
    auto run = decode_run(view(rows->value()));
    if (!run)
      return run.error();
    all.push_back(std::move(*run));
  }
  if (!rows->status().ok())
    return to_failure(rows->status(), "replay runs");
  return all;
}

} // namespace troupe::runtime
