#include "gateway/http_status.hpp"

#include <array>

namespace troupe::gateway {

namespace {

using enum retry_hint;
using runtime::errc;

constexpr std::array kinds{
  problem_kind{"bad-framing", "Bad framing", 400, no, true,
               "The bytes are not one strictly formed HTTP/1.1 request: for "
               "example both Transfer-Encoding and Content-Length, a bare LF, "
               "no Host field. Nothing of the request was executed."},
  problem_kind{"invalid-json", "Invalid JSON", 400, no, false,
               "The body is not one JSON document in UTF-8: a syntax error, a "
               "duplicate key, a lone surrogate, too much nesting, or bytes "
               "behind the end."},
  problem_kind{"invalid-cursor", "Invalid cursor", 400, no, false,
               "The cursor is not a number or id that this server gave out, or "
               "it is ahead of a job that still runs."},
  problem_kind{"validation-failed", "Validation failed", 422, no, false,
               "The request is well-formed, but fields are unknown, of the "
               "wrong type or out of range. `errors` names each."},
  problem_kind{"context-too-long", "Context too long", 422, no, false,
               "The input does not fit the model's context."},
  problem_kind{"idempotency-mismatch", "Idempotency key reused", 422, no, false,
               "The Idempotency-Key was used before with another body."},
  problem_kind{"forbidden-origin", "Forbidden origin", 403, no, true,
               "Without API keys the server answers only requests that name it "
               "by a loopback name and do not come from another web site."},
  problem_kind{"insufficient-scope", "Insufficient scope", 403, no, false,
               "The caller may not do this. A poison job, for instance, is "
               "replayed by operators only."},
  problem_kind{"not-found", "Not found", 404, no, false,
               "There is no such object, or it belongs to somebody else."},
  problem_kind{"model-not-found", "Model not found", 404, no, false,
               "No configured model has this name. GET /v1/models lists them."},
  problem_kind{
    "method-not-allowed", "Method not allowed", 405, no, false,
    "The path exists, but not for this method. See the Allow field."},
  problem_kind{
    "not-acceptable", "Not acceptable", 406, no, false,
    "The Accept field excludes every form that the answer can have."},
  problem_kind{"unsupported-media-type", "Unsupported media type", 415, no,
               false, "A body must be sent as Content-Type: application/json."},
  problem_kind{"expectation-failed", "Expectation failed", 417, no, false,
               "The only known expectation is 100-continue."},
  problem_kind{"request-timeout", "Request timeout", 408, yes, true,
               "The head or the body of the request did not arrive in time."},
  problem_kind{"not-terminal", "Job still runs", 409, no, false,
               "This is possible only when the job has ended."},
  problem_kind{"stale-generation", "Stale generation", 409, no, false,
               "The object changed since the generation that was named."},
  problem_kind{"idempotency-in-progress", "First request still running", 409,
               yes, false,
               "A request with the same Idempotency-Key is being committed."},
  problem_kind{"cursor-expired", "Events retired", 410, no, false,
               "The job's events were removed after its retention time."},
  problem_kind{"result-expired", "Result retired", 410, no, false,
               "The job's output was removed after its retention time."},
  problem_kind{"body-too-large", "Body too large", 413, no, true,
               "The body exceeds the limit."},
  problem_kind{"uri-too-long", "URI too long", 414, no, true,
               "The request line exceeds the limit."},
  problem_kind{"headers-too-large", "Header fields too large", 431, no, true,
               "The header fields exceed the limit in size or number."},
  problem_kind{"too-many-streams", "Too many streams", 429, yes, false,
               "The job or the tenant has its maximum of open event streams."},
  problem_kind{"quota-exceeded", "Budget exceeded", 429, yes, false,
               "The tenant's budget does not hold what the job is predicted "
               "to cost. It fills as time passes; `required` and `remaining` "
               "are in cost units."},
  problem_kind{"rate-limited", "Too many jobs", 429, yes, false,
               "The tenant has as many jobs as it may have."},
  problem_kind{"internal", "Internal error", 500, unknown, false,
               "A defect of the server. The request id helps to find it."},
  problem_kind{"not-implemented", "Not implemented", 501, no, false,
               "This version of the server cannot do that."},
  problem_kind{"model-failed", "Model failed", 502, unknown, false,
               "The model answered with an error."},
  problem_kind{"queue-full", "Queue full", 503, yes, false,
               "As much work as may wait is already waiting."},
  problem_kind{"deadline-unmeetable", "Deadline unmeetable", 503, no, false,
               "What waits already would make the job miss its own limit. Ask "
               "again with a longer one, or later."},
  problem_kind{"model-unavailable", "Model unavailable", 503, yes, false,
               "No worker of the model can serve now."},
  problem_kind{"draining", "Draining", 503, yes, true,
               "The node is about to stop and takes no new work."},
  problem_kind{"storage-unavailable", "Storage unavailable", 503, yes, false,
               "The store cannot take new work, for instance because the disk "
               "is full. Reading goes on."},
  problem_kind{"shard-unavailable", "Shard unavailable", 503, yes, false,
               "The part of the queue that owns the object is restarting."},
  problem_kind{"deadline-exceeded", "Deadline exceeded", 504, no, false,
               "The deadline passed before anything was produced."},
};

} // namespace

std::span<const problem_kind> problem_kinds() noexcept {
  return kinds;
}

const problem_kind* find_problem_kind(std::string_view slug) noexcept {
  for (const auto& kind : kinds)
    if (kind.slug == slug)
      return &kind;
  return nullptr;
}

const problem_kind& problem_kind_of(std::string_view slug) noexcept {
  const auto* kind = find_problem_kind(slug);
  return kind ? *kind : *find_problem_kind("internal");
}

std::string_view slug_of(errc code) noexcept { // tidy: length: one table
  switch (code) {
    case errc::invalid_argument:
    case errc::validation_failed:
    case errc::quarantined_input:
      return "validation-failed";
    case errc::invalid_json:
      return "invalid-json";
    case errc::context_too_long:
      return "context-too-long";
    case errc::not_found:
      return "not-found";
    case errc::model_not_found:
      return "model-not-found";
    case errc::not_terminal:
      return "not-terminal";
    case errc::queue_full:
      return "queue-full";
    case errc::model_unavailable:
    case errc::worker_lost:
      return "model-unavailable";
    case errc::deadline_unmeetable:
      return "deadline-unmeetable";
    case errc::draining:
      return "draining";
    case errc::storage_unavailable:
    case errc::io_error:
    case errc::disk_full:
      return "storage-unavailable";
    case errc::shard_unavailable:
    case errc::stale_epoch:
    case errc::corruption:
    case errc::timeout:
      return "shard-unavailable";
    case errc::idempotency_mismatch:
      return "idempotency-mismatch";
    case errc::idempotency_in_progress:
      return "idempotency-in-progress";
    case errc::deadline:
      return "deadline-exceeded";
    case errc::cursor_invalid:
      return "invalid-cursor";
    case errc::cursor_expired:
      return "cursor-expired";
    case errc::result_expired:
      return "result-expired";
    case errc::stale_generation:
      return "stale-generation";
    case errc::model_error:
    case errc::poison:
    case errc::attempts_exhausted:
      return "model-failed";
    case errc::unsupported:
      return "not-implemented";
    case errc::quota_exceeded:
      return "quota-exceeded";
    case errc::rate_limited:
      return "rate-limited";
    case errc::too_many_streams:
      return "too-many-streams";
    case errc::protocol_error:
    case errc::cancelled:
    case errc::internal:
    case errc::config_invalid:
      return "internal";
  }
  return "internal";
}

std::string_view slug_of(framing_error error) noexcept {
  switch (error) {
    case framing_error::none:
    case framing_error::bad_framing:
      return "bad-framing";
    case framing_error::uri_too_long:
      return "uri-too-long";
    case framing_error::headers_too_large:
      return "headers-too-large";
    case framing_error::body_too_large:
      return "body-too-large";
  }
  return "bad-framing";
}

std::string_view reason_phrase(uint16_t status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

} // namespace troupe::gateway
