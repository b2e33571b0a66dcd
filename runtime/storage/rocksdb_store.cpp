#include "runtime/storage/rocksdb_store.hpp"

#include "runtime/storage/batch_check.hpp"
#include "runtime/storage/data_directory.hpp"
#include "runtime/storage/high_water_writer.hpp"
#include "runtime/storage/rocksdb_loader.hpp"
#include "runtime/storage/rocksdb_reader.hpp"
#include "runtime/storage/rocksdb_tables.hpp"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <limits>
#include <utility>

namespace troupe::runtime {
namespace {

using batch_answers = std::vector<result<commit_stamp>>;

failure stale(shard_id shard, uint64_t epoch, uint64_t current) {
  return fail(errc::stale_epoch, "shard " + std::to_string(shard.value)
                                   + ": epoch " + std::to_string(epoch)
                                   + ", now " + std::to_string(current));
}

/// Epochs start at 1, so 0 never holds.
bool holds(const shard_row& row, uint64_t epoch) {
  return epoch != 0 && row.epoch == epoch && !row.owner.empty();
}

/// Turns operations into writes. Retiring needs the keys of chunks that the
/// same commit appended: an iterator does not see them yet.
class op_writer {
public:
  op_writer(const rocksdb_tables& tables, rocksdb::WriteBatch& out) noexcept
    : tables_{tables}, out_{out} {}

  void select(shard_id shard) noexcept { shard_ = shard; }

  void operator()(const put_spec& op) {
    put(family::spec, job_key(op.id), op.bytes);
  }
  void operator()(const put_record& op) {
    put(family::record, job_key(op.id), op.bytes);
    if (op.live)
      put(family::live, live_key(shard_, op.id), {});
    else
      drop(family::live, live_key(shard_, op.id));
  }
  void operator()(const append_events& op) {
    auto key = event_key(op.id, op.first_seq);
    put(family::event, key, op.bytes);
    appended_.emplace_back(op.id, key);
  }
  void operator()(const put_output& op) {
    put(family::output, job_key(op.id), op.bytes);
  }
  void operator()(const put_idempotency& op) {
    put(family::idempotency, idempotency_key(shard_, op.key), op.bytes);
  }
  void operator()(const put_budget& op) {
    // The same form of key: shard, then what it is of.
    put(family::budget, idempotency_key(shard_, op.key), op.bytes);
  }
  void operator()(const drop_idempotency& op) {
    drop(family::idempotency, idempotency_key(shard_, op.key));
  }
  void operator()(const put_run& op) {
    if (op.bytes.empty())
      drop(family::run, job_key(op.id));
    else
      put(family::run, job_key(op.id), op.bytes);
  }
  void operator()(const put_value& op) {
    if (op.bytes.empty())
      drop(family::value, value_key(shard_, op.name));
    else
      put(family::value, value_key(shard_, op.name), op.bytes);
  }
  void operator()(const retire_job& op) {
    const auto key = job_key(op.id);
    drop(family::spec, key);
    drop(family::output, key);
    drop_events(op.id);
    if (!op.keep_record) {
      drop(family::record, key);
      drop(family::live, live_key(shard_, op.id));
    }
  }

  void put(family f, std::string_view key, std::string_view value) {
    note(out_.Put(tables_[f], rocksdb::Slice{key}, rocksdb::Slice{value}));
  }
  /// Of everything since the last call; the writer starts afresh.
  rocksdb::Status take_status() {
    return std::exchange(status_, rocksdb::Status::OK());
  }

private:
  void drop(family f, std::string_view key) {
    note(out_.Delete(tables_[f], rocksdb::Slice{key}));
  }
  void drop_events(job_id id) {
    const auto prefix = job_key(id).str();
    const auto end = prefix_end(prefix);
    const rocksdb::Slice upper{end};
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = end.empty() ? nullptr : &upper;
    const std::unique_ptr<rocksdb::Iterator> rows{
      tables_.db().NewIterator(options, tables_[family::event])};
    for (rows->Seek(prefix); rows->Valid(); rows->Next())
      drop(family::event, rows->key().ToStringView());
    note(rows->status());
    for (const auto& [job, key] : appended_)
      if (job == id)
        drop(family::event, key);
  }
  void note(const rocksdb::Status& status) {
    if (status_.ok() && !status.ok())
      status_ = status;
  }

  const rocksdb_tables& tables_;
  rocksdb::WriteBatch& out_;
  shard_id shard_;
  std::vector<std::pair<job_id, row_key>> appended_;
  rocksdb::Status status_;
};

class rocksdb_store final : public store {
public:
  rocksdb_store(const rocksdb_config& config, data_directory directory,
                std::unique_ptr<rocksdb_tables> tables, ledger_state state)
    : directory_{std::move(directory)}, tables_{std::move(tables)},
      reader_{*tables_}, durability_{config.durability}, state_{std::move(
                                                           state)},
      high_water_{directory_.high_water(), [this] { return sync_log(); }} {}

  result<uint64_t> acquire(shard_id shard, const std::string& node) override;
  result<void> renew(shard_id shard, uint64_t epoch) override;
  result<void> release(shard_id shard, uint64_t epoch) override;
  result<shard_summary> load(shard_id shard,
                             const load_visitor& visitor) override;
  batch_answers commit(std::span<const shard_batch> batches) override;
  store_health health() const override;

  result<job_record> record(job_id id) const override {
    return reader_.record(id);
  }
  result<job_spec> spec(job_id id) const override { return reader_.spec(id); }
  result<job_output> output(job_id id) const override {
    return reader_.output(id);
  }
  result<std::vector<event>> events(job_id id, uint64_t from_seq,
                                    size_t limit) const override {
    return reader_.events(id, from_seq, limit);
  }
  result<job_page> list(const job_query& query) const override {
    return reader_.list(query);
  }
  result<std::vector<replay_run>> runs() const override {
    return reader_.runs();
  }

private:
  shard_row& row_of(shard_id shard) { return state_.shards[shard.value].row; }
  result<void> check_usable(shard_id shard) const;
  result<void> write_row(shard_id shard, const shard_row& row);
  result<commit_stamp> add(op_writer& writer, const shard_batch& batch,
                           ledger_line& line);
  void add_ledger(op_writer& writer, const ledger_line& line);
  result<void> write(bool sync);
  result<void> sync_log();

  data_directory directory_;
  std::unique_ptr<rocksdb_tables> tables_;
  rocksdb_reader reader_;
  runtime::durability durability_;
  ledger_state state_;        ///< The writer's thread only.
  rocksdb::WriteBatch batch_; ///< Kept for its memory.
  std::optional<failure> broken_;
  high_water_writer high_water_; ///< Last: its thread uses the others.
};

result<void> rocksdb_store::check_usable(shard_id shard) const {
  if (broken_)
    return *broken_;
  const auto& shards = state_.shards;
  const auto name = "shard " + std::to_string(shard.value);
  if (shard.value >= shards.size())
    return fail(errc::invalid_argument,
                name + " of " + std::to_string(shards.size()));
  if (const auto& damage = shards[shard.value].row.damage; !damage.empty())
    return fail(errc::corruption, name + " is quarantined: " + damage);
  return {};
}

result<uint64_t> rocksdb_store::acquire(shard_id shard,
                                        const std::string& node) {
  if (auto ok = check_usable(shard); !ok)
    return ok.error();
  if (node.empty())
    return fail(errc::invalid_argument, "acquire: no node");
  auto row = row_of(shard);
  ++row.epoch;
  row.owner = node;
  if (auto ok = write_row(shard, row); !ok)
    return ok.error();
  high_water_.note_epoch(shard, row.epoch);
  return row.epoch;
}

result<void> rocksdb_store::renew(shard_id shard, uint64_t epoch) {
  if (auto ok = check_usable(shard); !ok)
    return ok;
  // Nobody else can have it: the directory is locked by this process.
  const auto& row = row_of(shard);
  if (!holds(row, epoch))
    return stale(shard, epoch, row.epoch);
  return {};
}

result<void> rocksdb_store::release(shard_id shard, uint64_t epoch) {
  if (auto ok = renew(shard, epoch); !ok)
    return ok;
  auto row = row_of(shard);
  row.owner.clear();
  return write_row(shard, row);
}

result<void> rocksdb_store::write_row(shard_id shard, const shard_row& row) {
  batch_.Clear();
  op_writer writer{*tables_, batch_};
  writer.put(family::shard, shard_key(shard), encode(row));
  if (auto ok = write(true); !ok)
    return ok;
  row_of(shard) = row;
  return {};
}

result<shard_summary> rocksdb_store::load(shard_id shard,
                                          const load_visitor& visitor) {
  if (auto ok = check_usable(shard); !ok)
    return ok.error();
  const auto& row = row_of(shard);
  const auto jobs = load_live_jobs(*tables_, shard, visitor);
  if (!jobs)
    return jobs.error();
  if (auto ok = load_values(*tables_, shard, visitor); !ok)
    return ok.error();
  if (auto ok = load_idempotency(*tables_, shard, visitor); !ok)
    return ok.error();
  if (auto ok = load_budgets(*tables_, shard, visitor); !ok)
    return ok.error();
  return shard_summary{row.epoch, row.last_seq, *jobs};
}

batch_answers rocksdb_store::commit(std::span<const shard_batch> batches) {
  if (!broken_)
    broken_ = high_water_.error();
  if (broken_)
    return batch_answers(batches.size(), *broken_);
  batch_.Clear();
  op_writer writer{*tables_, batch_};
  batch_answers answers;
  answers.reserve(batches.size());
  ledger_line line{state_.next_commit, {}};
  for (const auto& batch : batches)
    answers.push_back(add(writer, batch, line));
  if (line.entries.empty())
    return answers;
  add_ledger(writer, line);
  if (auto ok = write(durability_ == durability::fsync); !ok)
    return batch_answers(batches.size(), ok.error());
  ++state_.next_commit;
  high_water_.note(line.entries);
  return answers;
}

result<commit_stamp> rocksdb_store::add(op_writer& writer,
                                        const shard_batch& batch,
                                        ledger_line& line) {
  if (auto ok = check_usable(batch.shard); !ok)
    return ok.error();
  if (auto ok = check(batch); !ok)
    return ok.error();
  auto& row = row_of(batch.shard);
  if (!holds(row, batch.epoch))
    return stale(batch.shard, batch.epoch, row.epoch);
  writer.select(batch.shard);
  batch_.SetSavePoint();
  for (const auto& op : batch.ops)
    std::visit(writer, op);
  // Retiring reads; what it cannot read fails this batch and no other.
  if (const auto status = writer.take_status(); !status.ok()) {
    batch_.RollbackToSavePoint();
    return to_failure(status, "commit");
  }
  batch_.PopSavePoint();
  // Counted before it is durable: after a failed write nothing counts any more.
  ++row.last_seq;
  line.entries.push_back(
    {batch.shard, row.epoch, row.last_seq, checksum(batch.ops)});
  return commit_stamp{row.last_seq};
}

/// The line, and rows for the shards whose latest entry it overwrites.
void rocksdb_store::add_ledger(op_writer& writer, const ledger_line& line) {
  for (const auto& entry : line.entries)
    state_.shards[entry.shard.value].last_commit = line.commit;
  writer.put(family::ledger, ledger_key(line.commit), encode(line));
  for (uint16_t i = 0; i < state_.shards.size(); ++i) {
    auto& shard = state_.shards[i];
    if (shard.last_commit == 0
        || shard.last_commit + ledger_ring != line.commit)
      continue;
    shard.last_commit = 0;
    writer.put(family::shard, shard_key({i}), encode(shard.row));
  }
}

result<void> rocksdb_store::write(bool sync) {
  rocksdb::WriteOptions options;
  options.sync = sync;
  const auto status = tables_->db().Write(options, &batch_);
  if (status.ok())
    return {};
  auto why = to_failure(status, "commit");
  if (why.code != errc::disk_full)
    why.code = errc::io_error;
  broken_ = why;
  return why;
}

/// The marks must not run ahead of the log.
result<void> rocksdb_store::sync_log() {
  if (durability_ == durability::fsync)
    return {};
  const auto status = tables_->db().SyncWAL();
  if (!status.ok())
    return to_failure(status, "sync of the log");
  return {};
}

store_health rocksdb_store::health() const {
  const auto free = free_bytes(directory_.path());
  return {free ? *free : 0, "rocksdb",
          durability_ == durability::fsync ? "fsync" : "os"};
}

/// Remembers damage that was found now: the ring's evidence does not stay.
result<void> keep_damage(const rocksdb_tables& tables,
                         const ledger_state& state) {
  rocksdb::WriteBatch rows;
  for (uint16_t i = 0; i < state.shards.size(); ++i)
    if (const auto& row = state.shards[i].row; !row.damage.empty())
      rows.Put(tables[family::shard], shard_key({i}), encode(row));
  if (rows.Count() == 0)
    return {};
  rocksdb::WriteOptions options;
  options.sync = true;
  const auto status = tables.db().Write(options, &rows);
  if (!status.ok())
    return to_failure(status, "keep the quarantine");
  return {};
}

} // namespace

result<std::unique_ptr<store>>
open_rocksdb_store(const rocksdb_config& config) {
  if (config.shards < 1 || config.shards > shard_id::count_max)
    return fail(errc::config_invalid, "store: shards is not within 1..1024");
  auto directory = data_directory::open(config.directory, config.shards);
  if (!directory)
    return directory.error();
  auto tables =
    rocksdb_tables::open({.path = directory->database_path(),
                          .may_create = directory->may_create_database(),
                          .block_cache_bytes = config.block_cache_bytes,
                          .memtables_bytes_max = config.memtables_bytes_max,
                          .log_bytes_max = config.log_bytes_max,
                          .env = config.env});
  if (!tables)
    return tables.error();
  auto state =
    read_ledger(**tables, config.shards, directory->high_water().marks());
  if (!state)
    return state.error();
  if (auto ok = keep_damage(**tables, *state); !ok)
    return ok.error();
  return std::make_unique<rocksdb_store>(config, std::move(*directory),
                                         std::move(*tables), std::move(*state));
}

} // namespace troupe::runtime
