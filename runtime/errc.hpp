// Every reason for which an operation of Troupe can fail, one word each. The
// gateway maps a code to an HTTP status and a problem type in one place
// (gateway/http_status.cpp); actors turn it into a caf::error.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace troupe::runtime {

/// Append-only: the numbers are stored with failed jobs.
enum class errc : uint8_t {
  invalid_argument = 1,      ///< A value is outside of its documented range.
  invalid_json = 2,          ///< The text is not one strict JSON document.
  validation_failed = 3,     ///< Well-formed, but a field is wrong.
  context_too_long = 4,      ///< Input does not fit the model's context.
  not_found = 5,             ///< No such object, or another tenant's.
  model_not_found = 6,       ///< No configured model has this name.
  not_terminal = 7,          ///< The job still runs.
  queue_full = 8,            ///< Admission refused: a bound is reached.
  model_unavailable = 9,     ///< No worker of the model can serve.
  draining = 10,             ///< The node is about to stop.
  storage_unavailable = 11,  ///< The store cannot take new work.
  shard_unavailable = 12,    ///< Nobody owns the shard, or it is quarantined.
  idempotency_mismatch = 13, ///< Same key, other body.
  idempotency_in_progress =
    14,                  ///< The first request with the key still commits.
  deadline = 15,         ///< The job's total limit has passed.
  cursor_invalid = 16,   ///< The cursor is no number, or ahead of the job.
  cursor_expired = 17,   ///< The events were retired.
  result_expired = 18,   ///< The output was retired.
  stale_epoch = 19,      ///< Another owner holds the shard by now.
  stale_generation = 20, ///< The sender belongs to an older generation.
  corruption = 21,       ///< Stored bytes do not decode or a record is missing.
  io_error = 22,         ///< The disk refused a read, write or sync.
  disk_full = 23,        ///< No space left, or below the configured reserve.
  worker_lost = 24,      ///< The engine or its process died.
  model_error = 25,      ///< The model answered with an error.
  protocol_error = 26,   ///< A peer broke the framing or order of messages.
  unsupported = 27,      ///< Valid, but this build or model cannot do it.
  timeout = 28,          ///< No answer within the time left.
  cancelled = 29,        ///< Stopped on request.
  poison = 30,           ///< The job crashed two engines on its own.
  internal = 31,         ///< A defect of Troupe.
  too_many_streams = 32, ///< The job or key has its maximum of readers.
  attempts_exhausted = 33,  ///< Every permitted attempt failed.
  config_invalid = 34,      ///< The configuration file is wrong.
  deadline_unmeetable = 35, ///< Admission refused: it would end too late.
  quarantined_input = 36,   ///< The same input crashed an engine twice.
  quota_exceeded = 37,      ///< The tenant's budget does not hold the cost.
  rate_limited = 38,        ///< The tenant has as many jobs as it may.
};

/// The code's identifier, e.g. "queue_full". Total.
std::string_view to_string(errc code) noexcept;

/// One sentence for people. Total.
std::string_view describe(errc code) noexcept;

/// Inverse of `to_string`.
std::optional<errc> errc_from_string(std::string_view word) noexcept;

} // namespace troupe::runtime
