// The messages between the actors of one node. Commands are verb + noun, events
// noun + participle. All of them stay on the node (node_local.hpp): what crosses
// nodes is an envelope with encoded values.
#pragma once

#include "actors/breaker_messages.hpp"
#include "actors/cutover_messages.hpp"
#include "actors/dispatch_messages.hpp"
#include "actors/lease_messages.hpp"
#include "actors/node_local.hpp"
#include "actors/parking_messages.hpp"
#include "actors/pool_messages.hpp"
#include "actors/replay_messages.hpp"
#include "actors/supervision_messages.hpp"
#include "actors/type_ids.hpp"
#include "models/engine.hpp"
#include "runtime/client_sink.hpp"
#include "runtime/job_machine.hpp"
#include "runtime/overload/retry_policy.hpp"
#include "runtime/scheduling/announced_head.hpp"
#include "runtime/shard_ledger.hpp"
#include "runtime/storage/store.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace troupe::actors {

// --- to queue_shard ---------------------------------------------------------

/// Answered by `job_accepted` once durable, or `refused`.
struct submit_job {
  std::shared_ptr<runtime::job_spec> spec; ///< The shard sets its id.
  runtime::request_identity who;
  runtime::sink_ref reply;
};
/// Answered by `job_estimated`, or by `refused` from a shard that does not serve.
struct estimate_job {
  std::shared_ptr<runtime::job_spec> spec;
  runtime::sink_ref reply;
};
/// Answered by `job_snapshot`; with `if_version` once the record is newer or
/// the job terminal. The shard fills in where the job stands.
struct get_job {
  runtime::job_id id;
  std::string tenant;
  std::optional<uint32_t> if_version;
  runtime::sink_ref reply;
  std::optional<runtime::queue_standing> standing;
  std::optional<runtime::job_why> why;
};
/// Answered by `watch_opened`, then `job_events`.
struct watch_job {
  runtime::job_id id;
  std::string tenant;
  runtime::sink_ref reply;
};
/// Ends a watch or a waiting get.
struct forget_reader {
  runtime::job_id id;
  runtime::sink_ref reply;
};
/// Answered by `job_snapshot` once the job is terminal.
struct cancel_job {
  runtime::job_id id;
  std::string tenant;
  std::string reason;
  runtime::sink_ref reply;
  runtime::decision_note note{}; ///< The shard's.
};
/// Replays a dead letter of the shard as this job, or drops it. Answered by
/// `job_accepted` (`replayed`: as in gateway/job_port.hpp) or, for a drop,
/// `job_snapshot` of the letter; or `refused`.
struct settle_letter {
  runtime::job_id id;
  std::string tenant;
  std::shared_ptr<runtime::job_spec> replay; ///< Null: drop it.
  runtime::request_identity who{};           ///< Of a replay.
  runtime::sink_ref reply;
  uint64_t ticket = 0; ///< The shard's, on the way to the reader and back.
  std::optional<runtime::result<runtime::job_record>> found; ///< By the reader.
};
/// Keeps a replay run in the store, or forgets it. Answered by `runs_listed` once
/// durable.
struct keep_run {
  runtime::replay_run run;
  bool forget = false;
  runtime::sink_ref reply;
};
/// Keeps a value that may be lost in the shard's store. No answer.
struct keep_value {
  std::string name;
  std::string bytes; ///< Empty: forget it.
};
/// The journal's answer to `open_shard`.
struct shard_opened {
  runtime::result<runtime::shard_summary> summary{runtime::shard_summary{}};
  std::vector<runtime::job_record> live;
  std::vector<std::pair<std::string, runtime::idempotency_entry>> keys;
  std::vector<std::pair<std::string, std::string>> values; ///< By name.
  std::vector<std::pair<std::string, runtime::tenant_record>> budgets;
};
/// What became of a shard's commit requests, in order.
struct commit_note {
  enum class kind : uint8_t {
    admitted = 1, ///< The job is durable.
    requeued,     ///< Its attempt ended; it may run again after `delay`.
    closed,       ///< Its terminal record is durable.
    barrier,      ///< Everything sent before is durable.
    settled       ///< The dead letter's new state is durable.
  };
  kind what = kind::barrier;
  runtime::job_record record;
  runtime::spec_ptr spec;
  runtime::duration delay{0};
  bool charged = false; ///< Requeued on the model's retry budget.
};
/// `why` set: the commits were refused and the shard is no longer the owner.
struct shard_committed {
  uint64_t epoch = 0;
  std::vector<commit_note> notes;
  std::optional<runtime::failure> why;
};
/// A dispatcher wants the heads of its model's queue, now and on each change.
struct open_feed {
  std::string model;
  uint64_t generation = 0;
};
/// The terms of the model's queue from now on. Answered by `backlog_report`.
struct publish_policy {
  std::string model;
  std::shared_ptr<const runtime::model_policy> policy;
};
/// The job has nothing to do; `commands` = commands it has seen.
struct job_idle {
  runtime::job_id id;
  uint64_t commands = 0;
};

// --- to job -------------------------------------------------------------------

struct run_attempt {
  runtime::attempt_id id;
  std::string model;
  std::string worker;
  bool continues_prefix = false;
  /// Where it goes on if it fills the model's context.
  std::optional<std::string> longer_context;
  runtime::call_ticket ticket{};
  runtime::order_stamp stamp;
  runtime::decision_note note;
  double price = 1; ///< Of the model: cost units per second of a slot.
};
/// A limit of the job has passed, or will: `reason`, for people.
struct expire_job {
  runtime::job_id id;
  std::string reason;
  runtime::decision_note note{};
};
/// A step down the ladder before the next attempt.
struct degrade_job {
  runtime::job_id id;
  runtime::job_degradation step;
  runtime::queue_place to;
  runtime::decision_note note{};
};
/// The reader's answer to `load_job`.
struct job_loaded {
  runtime::result<runtime::job_record> record{runtime::job_record{}};
  runtime::spec_ptr spec;
  std::vector<runtime::event> events;
};
/// Began (input tokens known) and/or produced text.
struct attempt_progress {
  runtime::attempt_id id;
  std::optional<uint32_t> input_tokens;
  std::string text;
  uint32_t tokens = 0;
  attempt_place place = attempt_place::same;
  runtime::duration ran{0}; ///< With `parked`: on slots so far.
};
struct attempt_ended {
  runtime::attempt_id id;
  /// Exactly one of the three, or `too_late`.
  std::optional<models::attempt_finished> finished;
  std::optional<runtime::failure> failed; ///< No retry can mend it.
  std::optional<runtime::attempt_loss> lost;
  runtime::failure why;     ///< With `lost`.
  runtime::duration ran{0}; ///< On the slot, by the worker's clock; 0 unknown.
  bool too_late = false;    ///< Its start limit passed while it waited there.
};

// --- to journal ---------------------------------------------------------------

/// Acquires the shard and loads it; answered by `shard_opened`.
struct open_shard {
  runtime::shard_id shard;
};
/// One-way. Ops commit whole or not at all; then notes go to the shard and
/// deliveries to their sinks. Without ops it is a fence: deliveries and notes
/// leave once everything sent before is durable.
struct commit_request {
  runtime::shard_id shard;
  uint64_t epoch = 0;
  std::vector<runtime::store_op> ops;
  std::vector<commit_note> notes;
  std::vector<std::pair<runtime::sink_ref, runtime::delivery_body>> deliveries;
};

// --- to store_reader ------------------------------------------------------------

/// Answered by `job_loaded`.
struct load_job {
  runtime::job_id id;
};
/// How a stored job is presented to the sink.
enum class view_kind : uint8_t { snapshot = 1, accepted, watch };
struct read_view {
  runtime::job_id id;
  std::string tenant;
  view_kind as = view_kind::snapshot;
  std::optional<runtime::queue_standing> standing;
  runtime::sink_ref reply;
};
struct read_events {
  runtime::job_id id;
  std::string tenant;
  uint64_t from_seq = 0;
  uint32_t limit = 100; ///< 1..1000
  runtime::sink_ref reply;
};
struct read_output {
  runtime::job_id id;
  std::string tenant;
  runtime::sink_ref reply;
};
struct list_jobs {
  runtime::job_query query;
  runtime::sink_ref reply;
};

struct load_runs {}; ///< Answered by `runs_loaded`.

// --- to model_worker ----------------------------------------------------------------

struct start_attempt {
  models::attempt_request request;
  runtime::call_ticket ticket{};
  runtime::order_stamp stamp{};
  runtime::mono_time start_by{}; ///< Zero: no limit.
};
/// Frees the slot whether or not the attempt ever arrived.
struct cancel_attempt {
  runtime::attempt_id id;
};

// clang-format off
template <> inline constexpr bool is_node_local<submit_job> = true;
template <> inline constexpr bool is_node_local<estimate_job> = true;
template <> inline constexpr bool is_node_local<get_job> = true;
template <> inline constexpr bool is_node_local<watch_job> = true;
template <> inline constexpr bool is_node_local<forget_reader> = true;
template <> inline constexpr bool is_node_local<cancel_job> = true;
template <> inline constexpr bool is_node_local<settle_letter> = true;
template <> inline constexpr bool is_node_local<keep_run> = true;
template <> inline constexpr bool is_node_local<keep_value> = true;
template <> inline constexpr bool is_node_local<load_runs> = true;
template <> inline constexpr bool is_node_local<shard_opened> = true;
template <> inline constexpr bool is_node_local<shard_committed> = true;
template <> inline constexpr bool is_node_local<open_feed> = true;
template <> inline constexpr bool is_node_local<job_idle> = true;
template <> inline constexpr bool is_node_local<run_attempt> = true;
template <> inline constexpr bool is_node_local<expire_job> = true;
template <> inline constexpr bool is_node_local<degrade_job> = true;
template <> inline constexpr bool is_node_local<job_loaded> = true;
template <> inline constexpr bool is_node_local<attempt_progress> = true;
template <> inline constexpr bool is_node_local<attempt_ended> = true;
template <> inline constexpr bool is_node_local<open_shard> = true;
template <> inline constexpr bool is_node_local<commit_request> = true;
template <> inline constexpr bool is_node_local<load_job> = true;
template <> inline constexpr bool is_node_local<read_view> = true;
template <> inline constexpr bool is_node_local<read_events> = true;
template <> inline constexpr bool is_node_local<read_output> = true;
template <> inline constexpr bool is_node_local<list_jobs> = true;
template <> inline constexpr bool is_node_local<publish_policy> = true;
template <> inline constexpr bool is_node_local<start_attempt> = true;
template <> inline constexpr bool is_node_local<cancel_attempt> = true;
// clang-format on

} // namespace troupe::actors
