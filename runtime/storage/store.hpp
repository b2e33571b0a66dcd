// Where acknowledged work survives. One blocking writer (the journal's thread)
// and any number of readers. Implementations: RocksDB, memory (tests and the
// simulation); all pass tests/runtime/storage/store_suite.hpp.
//
// The store is also the sequencer: each committed batch of a shard takes the
// next number of that shard. `load` checks that the numbers are dense, so a
// lost record is an error and never a shorter history.
#pragma once

#include "runtime/dead_letter.hpp"
#include "runtime/job.hpp"
#include "runtime/replay_run.hpp"
#include "runtime/result.hpp"
#include "runtime/tenant_record.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace troupe::runtime {

// --- what a batch can do ----------------------------------------------------

struct put_spec {
  job_id id;
  std::string bytes; ///< encode(job_spec)
};
/// Also keeps the index of live jobs: a live record is listed by `load`.
struct put_record {
  job_id id;
  bool live = true;
  std::string bytes; ///< encode(job_record)
};
/// Events first_seq .. first_seq + count - 1 of one job.
struct append_events {
  job_id id;
  uint64_t first_seq = 0;
  uint32_t count = 0;
  std::string bytes; ///< encode_events
};
struct put_output {
  job_id id;
  std::string bytes; ///< encode(job_output)
};
struct put_idempotency {
  std::string key;   ///< SHA-256 of tenant, path and key: 32 bytes.
  std::string bytes; ///< encode(idempotency_entry)
};
struct drop_idempotency {
  std::string key;
};
/// Removes spec, events and output of a terminal job; the record too unless
/// `keep_record`.
struct retire_job {
  job_id id;
  bool keep_record = true;
};
/// Keeps a replay run, or forgets it.
struct put_run {
  job_id id;
  std::string bytes; ///< encode(replay_run); empty: forget it.
};
/// Keeps a small value of the shard under a name, or forgets it: what was learnt
/// and may be lost, so that its bytes are its owner's business.
struct put_value {
  std::string name;  ///< 1..200 bytes, unique in the shard.
  std::string bytes; ///< Empty: forget it.
};
/// Keeps what the tenant has spent. The shard is the tenant's home.
struct put_budget {
  std::string key;   ///< The tenant's name.
  std::string bytes; ///< encode(tenant_record)
};
using store_op =
  std::variant<put_spec, put_record, append_events, put_output, put_idempotency,
               drop_idempotency, retire_job, put_run, put_value, put_budget>;

/// All of it becomes durable, or none.
struct shard_batch {
  shard_id shard;
  uint64_t epoch = 0; ///< Must be the shard's current epoch.
  std::vector<store_op> ops;
};

/// The shard's number of the committed batch, dense from 1.
struct commit_stamp {
  uint64_t seq = 0;
};

/// What `load` found out about a shard besides its content.
struct shard_summary {
  uint64_t epoch = 0;
  uint64_t last_seq = 0; ///< 0: nothing was ever committed.
  size_t live_jobs = 0;
};

struct load_visitor {
  /// Every live job of the shard in order of id.
  std::function<void(job_record&&)> on_live_job;
  /// Every idempotency entry of the shard, any order.
  std::function<void(std::string key, idempotency_entry&&)> on_idempotency;
  /// Every value that `put_value` keeps, in order of name.
  std::function<void(std::string name, std::string bytes)> on_value;
  /// What is kept of every tenant whose home the shard is, any order.
  std::function<void(std::string tenant, tenant_record&&)> on_budget;
};

// --- reading ----------------------------------------------------------------

/// Repeated values OR, different fields AND; empty = any.
struct job_filter {
  std::string tenant; ///< Required unless `all_tenants`.
  bool all_tenants = false;
  std::vector<job_status> statuses;
  std::vector<std::string> models;
  std::vector<std::string> classes;
  std::vector<task_kind> tasks;
  std::vector<service_tier> tiers;
  std::optional<bool> dead_letter;
  wall_time created_after{};  ///< Exclusive; zero = any.
  wall_time created_before{}; ///< Exclusive; zero = any.
  std::vector<letter_state> letter_states;
  std::vector<letter_reason> letter_reasons;
  wall_time died_after{};  ///< Exclusive; zero = any.
  wall_time died_before{}; ///< Exclusive; zero = any.
  /// By key. Of specifications, so a retired job does not match.
  std::map<std::string, std::vector<std::string>> metadata;
};
struct job_query {
  job_filter filter;
  std::optional<job_id> after; ///< Need not exist any more.
  bool descending = true;      ///< Newest first.
  uint32_t limit = 20;         ///< 1..100.
};
struct job_page {
  std::vector<job_record> records;
  bool has_more = false;
  /// Set when the scan stopped at a bound (10,000 rows; with `metadata` also
  /// 1,000 specifications or 16 MiB of them) before the page was full: continue
  /// after this id.
  std::optional<job_id> scanned_to;
};

/// Thread-safe; sees only what is committed.
class store_reader {
public:
  virtual ~store_reader() = default;
  /// `not_found` where there is nothing; `corruption` where bytes are bad.
  virtual result<job_record> record(job_id id) const = 0;
  virtual result<job_spec> spec(job_id id) const = 0;
  virtual result<job_output> output(job_id id) const = 0;
  /// Events with seq >= from_seq in order, whole chunks trimmed to `limit`
  /// events; empty when there are none yet.
  virtual result<std::vector<event>> events(job_id id, uint64_t from_seq,
                                            size_t limit) const = 0;
  /// Scans at most 10,000 rows, and as many specifications as `job_page` says.
  virtual result<job_page> list(const job_query& query) const = 0;
  /// Every replay run, in order of id.
  virtual result<std::vector<replay_run>> runs() const = 0;
};

struct store_health {
  uint64_t free_bytes = 0; ///< On the store's disk; max when not applicable.
  std::string kind;        ///< "rocksdb", "memory".
  std::string durability;  ///< "fsync", "os".
};

/// One writer thread. After an `io_error` from `commit` the store refuses every
/// further commit (fail-stop): the caller must not repeat the sync.
class store : public store_reader {
public:
  /// Takes the shard for `node`: epoch + 1, durable before it returns.
  virtual result<uint64_t> acquire(shard_id shard, const std::string& node) = 0;
  /// `stale_epoch` when somebody else acquired it since.
  virtual result<void> renew(shard_id shard, uint64_t epoch) = 0;
  virtual result<void> release(shard_id shard, uint64_t epoch) = 0;

  /// Streams everything a new owner needs. `corruption` for a hole, an end below
  /// the high-water mark, or bytes that do not decode.
  virtual result<shard_summary> load(shard_id shard,
                                     const load_visitor& visitor) = 0;

  /// One sync for all batches. The answer has one entry per batch, in order: a
  /// batch with a stale epoch fails alone. When the write or sync fails, every
  /// entry is `io_error` or `disk_full`.
  virtual std::vector<result<commit_stamp>>
  commit(std::span<const shard_batch> batches) = 0;

  virtual store_health health() const = 0;
};

} // namespace troupe::runtime
