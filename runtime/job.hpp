// What a job is: the request that never changes (`job_spec`), the ledger entry
// that does (`job_record`), what its readers see (`event`) and what it made
// (`job_output`). Values only; bytes are job_codec's, JSON is the gateway's.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/ids.hpp"
#include "runtime/job_words.hpp"
#include "runtime/result.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace troupe::runtime {

struct chat_message {
  std::string role; ///< system, user, assistant.
  std::string content;
  friend bool operator==(const chat_message&, const chat_message&) = default;
};

/// How tokens are chosen; ranges as in docs/api: see the gateway's validation.
struct generation_params {
  uint32_t max_output_tokens = 0; ///< 0: what the model's context leaves.
  double temperature = 1.0;       ///< 0..2; 0 = greedy.
  double top_p = 1.0;             ///< 0..1.
  uint32_t top_k = 0;             ///< 0..1000; 0 = off.
  std::vector<std::string> stop;  ///< At most 4.
  std::optional<int64_t> seed;
  double presence_penalty = 0.0;  ///< -2..2.
  double frequency_penalty = 0.0; ///< -2..2.
  friend bool operator==(const generation_params&,
                         const generation_params&) = default;
};

/// Overrides for a model of the `simulated` backend; how tests and benches make
/// any situation on purpose.
struct simulate_params {
  std::optional<double> service_s; ///< Total seconds on a slot.
  std::optional<uint32_t> tokens;
  std::optional<uint32_t> fail_at_token; ///< Fails before that token (from 0).
  std::string fail_code; ///< "transient" (default) or "invalid".
  bool hang = false;     ///< Takes the slot and never steps.
  bool crash = false; ///< The worker dies (at `fail_at_token`, else at once).
  std::optional<double> predicted_s; ///< What the cost model is told.
  friend bool operator==(const simulate_params&,
                         const simulate_params&) = default;
};

/// Limits relative to acceptance; 0 = none.
struct job_deadline {
  duration start_timeout{0};
  duration total_timeout{0};
  deadline_action action = deadline_action::partial;
  friend bool operator==(const job_deadline&, const job_deadline&) = default;
};

/// The request as accepted. Immutable from admission to retirement.
struct job_spec {
  job_id id; ///< Set by the owner shard at admission.
  std::string tenant = "default";
  std::string model;
  task_kind task = task_kind::chat;
  std::string text; ///< A plain-string input ...
  std::vector<chat_message>
    messages; ///< ... or chat messages (then not empty).
  generation_params params;
  std::optional<simulate_params> simulate;
  std::string job_class = "standard";
  service_tier tier = service_tier::standard;
  job_deadline deadline;
  resume_mode resume = resume_mode::resume;
  uint32_t max_attempts = 3; ///< 1..10.
  duration retention{std::chrono::seconds{86'400}};
  std::map<std::string, std::string> metadata;
  double estimated_s = 0.0; ///< Predicted work, seconds of one slot.
  std::optional<std::vector<std::string>> fallbacks; ///< Else the model's.
  bool may_degrade = true;
  std::optional<job_id> replay_of; ///< The job that this one repeats.
  /// False: ephemeral, never on the disk; a crash of the node ends it.
  bool durable = true;
  std::string alias; ///< Under which `model` was asked for; or empty.
  std::optional<request_intent> intent; ///< With `alias`: why that model.
  std::string traceparent; ///< Of the request, W3C Trace Context; or empty.
  bool truncation_auto = false; ///< Of chat turns, where they do not fit.
  friend bool operator==(const job_spec&, const job_spec&) = default;
};

/// A step down the ladder that the job took.
struct job_degradation {
  degradation_kind kind = degradation_kind::model;
  std::string from; ///< A model, or a number of tokens.
  std::string to;
  uint64_t at_offset = 0; ///< Bytes of text that stood before it.
  friend bool operator==(const job_degradation&,
                         const job_degradation&) = default;
};

/// What admission believed of a job; what later decisions reckon with.
struct job_forecast {
  double service_p50_s = 0; ///< 0: unknown.
  uint32_t input_tokens = 0;
  uint32_t output_tokens_p50 = 0;
  uint32_t max_output_tokens = 0; ///< As asked, or less once degraded; 0: none.
  friend bool operator==(const job_forecast&, const job_forecast&) = default;
};

struct job_usage {
  uint32_t input_tokens = 0;
  uint32_t cached_tokens = 0;
  uint32_t output_tokens = 0;
  double cost = 0.0; ///< Cost units: slot seconds times the model's factor.
  friend bool operator==(const job_usage&, const job_usage&) = default;
};

/// End to end = queue + compute + delivery, in microseconds.
struct job_timing {
  int64_t queue_us = 0;    ///< Ready and waiting, all attempts.
  int64_t compute_us = 0;  ///< On a slot, all attempts.
  int64_t delivery_us = 0; ///< The rest: commits, hops.
  friend bool operator==(const job_timing&, const job_timing&) = default;
};

/// One job's line in the ledger. A zero time means "not yet". A million of them
/// wait in memory: small members stand together.
struct job_record {
  job_id id;
  std::string tenant;
  std::string model;
  std::string model_used; ///< Empty until started.
  std::string job_class;
  task_kind task = task_kind::chat;
  service_tier tier = service_tier::standard;
  job_status status = job_status::queued;
  job_phase phase = job_phase::admitted;
  deadline_action on_deadline = deadline_action::partial;
  resume_mode resume = resume_mode::resume;
  finish_reason finish = finish_reason::none;
  letter_state letter = letter_state::dead;
  std::optional<request_intent> intent;
  bool dead_letter = false;
  bool suspect = false; ///< Shared a batch with a crash: runs alone next.
  bool may_degrade = true;
  bool durable = true;       ///< See job_spec.
  uint32_t version = 1;      ///< Grows with status, phase, attempt.
  uint32_t attempt = 0;      ///< The latest lease, from 1.
  uint32_t charged = 0;      ///< Failed attempts that count.
  uint32_t solo_crashes = 0; ///< Crashes while it ran alone.
  uint32_t max_attempts = 3;
  /// With `truncation: auto`: input tokens that no truncation drops, as
  /// estimated. 0: nothing may be dropped.
  uint32_t kept_tokens_min = 0;
  uint64_t lease_epoch = 0; ///< Of the latest lease.
  int64_t order_key = 0;    ///< Fixed at enqueue; smallest first.
  double estimated_s = 0.0;
  wall_time created_at{};
  wall_time started_at{};
  wall_time first_output_at{};
  wall_time finished_at{};
  wall_time start_at{}; ///< Must start before; zero = no limit.
  wall_time total_at{}; ///< Must end before; zero = no limit.
  /// Terminal: when output and events go. Live: created_at + retention.
  wall_time retires_at{};
  uint64_t next_seq = 0;     ///< Number of events so far.
  uint64_t output_bytes = 0; ///< Bytes of text streamed so far.
  job_usage usage;
  job_timing timing;
  std::optional<failure> error;
  std::string queue_model; ///< In whose queue it is; empty: `model`'s.
  int64_t key_base = 0;    ///< The base of order_key.
  job_forecast forecast;
  std::vector<job_degradation> degradations;
  std::optional<std::vector<std::string>> fallbacks; ///< Else the model's.
  std::optional<job_id> replay_of;
  std::optional<job_id> replayed_as; ///< With letter_state::replayed.
  std::string alias;                 ///< As in the request.
  std::string decision;              ///< encode(job_decision); not in events.
  /// What the tenant's budget reserved for it; `budget_serial` 0: nothing.
  double budget_cost = 0;
  uint64_t budget_serial = 0;

  const std::string& queue() const noexcept {
    return queue_model.empty() ? model : queue_model;
  }
  friend bool operator==(const job_record&, const job_record&) = default;
};

// --- events ---------------------------------------------------------------

struct job_created {
  job_record record;
  friend bool operator==(const job_created&, const job_created&) = default;
};
struct job_queued {
  uint64_t position = 0; ///< Jobs ahead of it on the shard.
  double estimated_start_s = 0.0;
  friend bool operator==(const job_queued&, const job_queued&) = default;
};
struct job_started {
  uint32_t attempt = 0;
  std::string model;
  std::string worker; ///< "<model>/<index>@<node>".
  friend bool operator==(const job_started&, const job_started&) = default;
};
struct output_delta {
  uint32_t item = 0;
  uint64_t offset = 0; ///< UTF-8 bytes of the item before this text.
  std::string text;    ///< Whole UTF-8 characters only.
  uint32_t tokens = 0; ///< Output tokens that it covers; stored, not shown.
  friend bool operator==(const output_delta&, const output_delta&) = default;
};
struct output_item_done {
  uint32_t item = 0;
  std::string text;
  finish_reason finish = finish_reason::none;
  friend bool operator==(const output_item_done&,
                         const output_item_done&) = default;
};
struct job_retrying {
  uint32_t attempt = 0; ///< The one to come.
  std::string reason;   ///< worker_lost model_error timeout suspect_batch.
  double delay_s = 0.0;
  /// Why the attempt before it ended; nothing in events of older versions.
  std::optional<failure> error{};
  friend bool operator==(const job_retrying&, const job_retrying&) = default;
};
struct output_reset {
  uint32_t item = 0;
  uint64_t from_offset = 0; ///< Discard the item's text from here.
  friend bool operator==(const output_reset&, const output_reset&) = default;
};
struct job_degraded {
  job_degradation step;
  friend bool operator==(const job_degraded&, const job_degraded&) = default;
};
/// completed, incomplete, failed, cancelled or expired: the record says which.
struct job_ended {
  job_record record;
  std::string reason; ///< The client's words for a cancellation.
  friend bool operator==(const job_ended&, const job_ended&) = default;
};

using event_body = std::variant<job_created, job_queued, job_started,
                                output_delta, output_item_done, job_retrying,
                                output_reset, job_ended, job_degraded>;

/// One numbered line of a job's stream: dense from 0, never changed.
struct event {
  uint64_t seq = 0;
  wall_time at{};
  event_body body;
  friend bool operator==(const event&, const event&) = default;
};

/// What a job made. `item 0` of the Job's `output`.
struct job_output {
  std::string text;
  finish_reason finish = finish_reason::none;
  friend bool operator==(const job_output&, const job_output&) = default;
};

/// What an Idempotency-Key points at.
struct idempotency_entry {
  job_id job;
  std::string fingerprint; ///< SHA-256 of the canonical body, 32 bytes.
  wall_time expires_at{};
  friend bool operator==(const idempotency_entry&,
                         const idempotency_entry&) = default;
};

/// The first record of an admitted job.
job_record make_record(const job_spec& spec);

} // namespace troupe::runtime
