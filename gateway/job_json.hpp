// Jobs, events, lists and results as JSON. An event's bytes depend on nothing
// but the job's specification and the event: every reader sees the same.
#pragma once

#include "gateway/http_reply.hpp"
#include "gateway/json_writer.hpp"
#include "runtime/client_sink.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace troupe::gateway {

/// The Job object, with `output` (null until terminal).
void write_job(json_writer& json, const runtime::job_view& job,
               const runtime::job_output* output);
/// The Job object of a list: without `output`.
void write_job_row(json_writer& json, const runtime::job_record& record);
/// {job_id, status, output, usage, timing, error}.
void write_result(json_writer& json, const runtime::job_view& job,
                  const runtime::job_output* output);
/// One event in its envelope. `spec` may be null (then metadata is null too).
void write_event(json_writer& json, runtime::job_id id,
                 const runtime::job_spec* spec, runtime::task_kind task,
                 const runtime::event& event);
/// "job.created", "output.delta", ... Static storage.
std::string_view event_type(const runtime::event& event) noexcept;

// Members that jobs and dead letters share.
/// A time, or null for "not yet".
void write_time(json_writer& json, std::string_view key, runtime::wall_time at);
/// `error`: {code, message, source} or null.
void write_error(json_writer& json,
                 const std::optional<runtime::failure>& error);
/// `degradation`: the steps so far.
void write_degradation(json_writer& json, const runtime::job_record& record);
/// `metadata`: null without a specification.
void write_metadata(json_writer& json, const runtime::job_spec* spec);
/// `trace_id` of the request's `traceparent`; null when it had none, and without
/// a specification.
void write_trace_id(json_writer& json, const runtime::job_spec* spec);

/// `queue;dur=1.2, compute;dur=3.4, delivery;dur=0.1`, in milliseconds.
std::string server_timing(const runtime::job_timing& timing);
/// `W/"5"`.
std::string etag_of(const runtime::job_record& record);

/// Larger items appear in events as null with a URL.
constexpr size_t event_item_bytes_max = 256 * 1024;

} // namespace troupe::gateway
