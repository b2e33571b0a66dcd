#include "runtime/errc.hpp"

#include <array>

namespace troupe::runtime {
namespace {

struct row {
  errc code;
  std::string_view word;
  std::string_view sentence;
};

// In the order of the numbers, from 1 without holes: row i holds code i + 1.
constexpr std::array rows{
  row{errc::invalid_argument, "invalid_argument",
      "A value is outside of its documented range."},
  row{errc::invalid_json, "invalid_json",
      "The text is not one strict JSON document."},
  row{errc::validation_failed, "validation_failed",
      "The request is well-formed, but a field of it is wrong."},
  row{errc::context_too_long, "context_too_long",
      "The input does not fit the model's context."},
  row{errc::not_found, "not_found", "There is no such object."},
  row{errc::model_not_found, "model_not_found",
      "No configured model has this name."},
  row{errc::not_terminal, "not_terminal", "The job has not ended yet."},
  row{errc::queue_full, "queue_full",
      "The queue has reached its bound; try again later."},
  row{errc::model_unavailable, "model_unavailable",
      "No worker of the model can serve now."},
  row{errc::draining, "draining", "The node is about to stop."},
  row{errc::storage_unavailable, "storage_unavailable",
      "The store cannot take new work now."},
  row{errc::shard_unavailable, "shard_unavailable",
      "Nobody owns the job's shard now, or it is quarantined."},
  row{errc::idempotency_mismatch, "idempotency_mismatch",
      "The idempotency key was used with another body."},
  row{errc::idempotency_in_progress, "idempotency_in_progress",
      "The first request with this idempotency key is still in progress."},
  row{errc::deadline, "deadline", "The job's total time limit has passed."},
  row{errc::cursor_invalid, "cursor_invalid",
      "The cursor is no number, or ahead of the job."},
  row{errc::cursor_expired, "cursor_expired", "The job's events were retired."},
  row{errc::result_expired, "result_expired", "The job's output was retired."},
  row{errc::stale_epoch, "stale_epoch", "Another owner holds the shard now."},
  row{errc::stale_generation, "stale_generation",
      "The sender belongs to an older generation."},
  row{errc::corruption, "corruption",
      "Stored bytes do not decode, or a record is missing."},
  row{errc::io_error, "io_error", "The disk refused a read, write or sync."},
  row{errc::disk_full, "disk_full",
      "The disk is full, or below the configured reserve."},
  row{errc::worker_lost, "worker_lost", "The engine or its process died."},
  row{errc::model_error, "model_error", "The model answered with an error."},
  row{errc::protocol_error, "protocol_error",
      "A peer broke the framing or the order of messages."},
  row{errc::unsupported, "unsupported",
      "The request is valid, but this build or model cannot do it."},
  row{errc::timeout, "timeout", "No answer came within the time left."},
  row{errc::cancelled, "cancelled", "It was stopped on request."},
  row{errc::poison, "poison",
      "The job crashed two engines while it ran alone."},
  row{errc::internal, "internal", "Troupe has a defect."},
  row{errc::too_many_streams, "too_many_streams",
      "The job or key has its maximum of readers."},
  row{errc::attempts_exhausted, "attempts_exhausted",
      "Every permitted attempt failed."},
  row{errc::config_invalid, "config_invalid",
      "The configuration file is wrong."},
  row{errc::deadline_unmeetable, "deadline_unmeetable",
      "The job would end after its limit."},
  row{errc::quarantined_input, "quarantined_input",
      "The same input crashed the model's engine twice; it is refused for a "
      "time."},
  row{errc::quota_exceeded, "quota_exceeded",
      "The tenant's budget does not hold the job's cost now."},
  row{errc::rate_limited, "rate_limited",
      "The tenant has as many jobs as it may have."},
};

constexpr bool rows_follow_numbers() {
  for (size_t i = 0; i < rows.size(); ++i)
    if (static_cast<size_t>(rows[i].code) != i + 1)
      return false;
  return true;
}
static_assert(rows_follow_numbers());

const row* find(errc code) noexcept {
  auto number = static_cast<size_t>(code);
  return number >= 1 && number <= rows.size() ? &rows[number - 1] : nullptr;
}

} // namespace

std::string_view to_string(errc code) noexcept {
  const auto* found = find(code);
  return found ? found->word : "unknown";
}

std::string_view describe(errc code) noexcept {
  const auto* found = find(code);
  return found ? found->sentence : "An error that this version does not know.";
}

std::optional<errc> errc_from_string(std::string_view word) noexcept {
  for (const auto& x : rows)
    if (x.word == word)
      return x.code;
  return std::nullopt;
}

} // namespace troupe::runtime
