#include "gateway/job_json.hpp"

#include "gateway/alias_choice.hpp"
#include "gateway/rfc3339.hpp"
#include "gateway/trace_context.hpp"
#include "runtime/errc.hpp"

#include <array>
#include <charconv>

namespace troupe::gateway {

using runtime::event;
using runtime::failure;
using runtime::finish_reason;
using runtime::job_created;
using runtime::job_ended;
using runtime::job_id;
using runtime::job_output;
using runtime::job_phase;
using runtime::job_queued;
using runtime::job_record;
using runtime::job_retrying;
using runtime::job_spec;
using runtime::job_started;
using runtime::job_status;
using runtime::job_timing;
using runtime::job_usage;
using runtime::job_view;
using runtime::output_delta;
using runtime::output_item_done;
using runtime::output_reset;
using runtime::task_kind;
using runtime::wall_time;

namespace {

// Microseconds as milliseconds with what digits it needs, at least one.
std::string milliseconds(int64_t us) {
  const bool negative = us < 0;
  const auto magnitude = negative ? -us : us;
  std::string text = negative ? "-" : "";
  text += std::to_string(magnitude / 1000);
  std::array<char, 4> rest{'.', static_cast<char>('0' + magnitude / 100 % 10),
                           static_cast<char>('0' + magnitude / 10 % 10),
                           static_cast<char>('0' + magnitude % 10)};
  size_t digits = rest.size();
  while (digits > 2 && rest[digits - 1] == '0')
    --digits;
  return text.append(rest.data(), digits);
}

std::string_view incomplete_reason(finish_reason finish) noexcept {
  return finish == finish_reason::length ? std::string_view{"max_output_tokens"}
                                         : to_string(finish);
}

void write_usage(json_writer& json, const job_usage& usage) {
  json.key("usage");
  json.begin_object();
  json.number("input_tokens", usage.input_tokens);
  json.number("cached_tokens", usage.cached_tokens);
  json.number("output_tokens", usage.output_tokens);
  json.number("cost", usage.cost);
  json.end_object();
}

void write_timing(json_writer& json, const job_timing& timing) {
  json.key("timing");
  json.begin_object();
  json.raw("queue_ms", milliseconds(timing.queue_us));
  json.raw("compute_ms", milliseconds(timing.compute_us));
  json.raw("delivery_ms", milliseconds(timing.delivery_us));
  json.end_object();
}

void write_item(json_writer& json, job_id id, task_kind task, uint32_t index,
                std::string_view text, finish_reason finish) {
  const bool whole =
    finish == finish_reason::stop || finish == finish_reason::none;
  json.begin_object();
  if (task == task_kind::complete) {
    json.text("type", "text");
    json.text("id", "txt_" + id.bare() + "_" + std::to_string(index));
    json.text("text", text);
  } else {
    json.text("type", "message");
    json.text("id", "msg_" + id.bare() + "_" + std::to_string(index));
    json.text("role", "assistant");
    json.text("status", whole ? "completed" : "incomplete");
  }
  if (finish == finish_reason::none)
    json.null("finish_reason");
  else
    json.text("finish_reason", to_string(finish));
  if (task != task_kind::complete) {
    json.key("content");
    json.begin_array();
    json.begin_object();
    json.text("type", "output_text");
    json.text("text", text);
    json.key("annotations");
    json.begin_array();
    json.end_array();
    json.end_object();
    json.end_array();
  }
  json.end_object();
}

void write_output(json_writer& json, const job_record& record,
                  const job_output* output) {
  json.key("output");
  if (!runtime::is_terminal(record.status))
    return json.null();
  json.begin_array();
  if (output)
    write_item(json, record.id, record.task, 0, output->text, output->finish);
  json.end_array();
}

void write_limits(json_writer& json, const job_record& record) {
  json.key("deadline");
  json.begin_object();
  write_time(json, "start_at", record.start_at);
  write_time(json, "total_at", record.total_at);
  json.text("on_deadline", to_string(record.on_deadline));
  json.end_object();
}

using standing = std::optional<runtime::queue_standing>;

void write_queue(json_writer& json, const job_record& record,
                 const standing& place) {
  auto wait = [&] {
    place && place->wait_s ? json.number(*place->wait_s) : json.null();
  };
  json.key("estimate");
  json.begin_object();
  json.number("cost", record.estimated_s);
  json.key("queue_wait_s");
  wait();
  json.number("compute_s", record.estimated_s);
  json.end_object();
  json.key("queue");
  json.begin_object();
  json.key("position");
  place ? json.number(place->position) : json.null();
  json.key("estimated_start_s");
  wait();
  json.end_object();
}

void write_urls(json_writer& json, const std::string& id) {
  const auto self = "/v1/jobs/" + id;
  json.key("urls");
  json.begin_object();
  json.text("self", self);
  json.text("events", self + "/events");
  json.text("result", self + "/result");
  json.text("cancel", self + "/cancel");
  json.end_object();
}

void write_head(json_writer& json, const job_record& record,
                const std::string& id) {
  json.text("id", id);
  json.text("object", "job");
  json.number("version", record.version);
  json.boolean("durable", record.durable);
  json.text("tenant", record.tenant);
  json.text("status", to_string(record.status));
  if (record.phase == job_phase::none)
    json.null("phase");
  else
    json.text("phase", to_string(record.phase));
  json.text("task", to_string(record.task));
  json.text("model", record.model);
  if (record.model_used.empty())
    json.null("model_used");
  else
    json.text("model_used", record.model_used);
  write_alias(json, record);
  json.text("class", record.job_class);
  json.text("service_tier", to_string(record.tier));
  json.null("conversation");
  json.null("batch");
  if (record.replay_of)
    json.text("replay_of", record.replay_of->str());
  else
    json.null("replay_of");
  write_time(json, "created_at", record.created_at);
  write_time(json, "started_at", record.started_at);
  write_time(json, "first_output_at", record.first_output_at);
  write_time(json, "finished_at", record.finished_at);
  write_time(json, "retires_at", record.retires_at);
  json.number("attempt", record.attempt);
  json.number("max_attempts", record.max_attempts);
}

void write_step(json_writer& json, const runtime::job_degradation& step) {
  json.text("kind", to_string(step.kind));
  json.text("from", step.from);
  json.text("to", step.to);
  json.number("at_offset", step.at_offset);
}

enum class job_form : uint8_t { full, without_output };

void write_job_body(json_writer& json, const job_record& record,
                    const job_spec* spec, const standing& place, job_form form,
                    const job_output* output) {
  const auto id = record.id.str();
  json.begin_object();
  write_head(json, record, id);
  write_limits(json, record);
  write_queue(json, record, place);
  write_degradation(json, record);
  write_usage(json, record.usage);
  write_timing(json, record.timing);
  if (form == job_form::full)
    write_output(json, record, output);
  if (record.status == job_status::incomplete) {
    json.key("incomplete_details");
    json.begin_object();
    json.text("reason", incomplete_reason(record.finish));
    json.end_object();
  } else {
    json.null("incomplete_details");
  }
  write_error(json, record.error);
  json.boolean("dead_letter", record.dead_letter);
  json.null("graph");
  write_metadata(json, spec);
  write_trace_id(json, spec);
  if (record.next_seq > 0)
    json.number("last_seq", record.next_seq - 1);
  else
    json.null("last_seq");
  write_urls(json, id);
  json.end_object();
}

// The part of each event that is its own.
struct event_writer {
  json_writer& json;
  job_id id;
  const job_spec* spec;
  task_kind task;

  void job(const job_record& record) const {
    json.key("job");
    write_job_body(json, record, spec, {}, job_form::without_output, nullptr);
  }
  void operator()(const job_created& x) const { job(x.record); }
  void operator()(const job_queued& x) const {
    json.number("position", x.position);
    json.number("estimated_start_s", x.estimated_start_s);
  }
  void operator()(const job_started& x) const {
    json.number("attempt", x.attempt);
    json.text("model", x.model);
    json.text("worker", x.worker);
  }
  void operator()(const output_delta& x) const {
    json.number("item", x.item);
    json.text("item_type", task == task_kind::complete ? "text" : "message");
    json.number("offset", x.offset);
    json.text("text", x.text);
  }
  void operator()(const output_item_done& x) const {
    json.number("index", x.item);
    json.key("item");
    if (x.text.size() <= event_item_bytes_max)
      return write_item(json, id, task, x.item, x.text, x.finish);
    json.null();
    json.text("url", "/v1/jobs/" + id.str() + "/result");
  }
  void operator()(const job_retrying& x) const {
    json.number("attempt", x.attempt);
    json.text("reason", x.reason);
    json.number("delay_s", x.delay_s);
  }
  void operator()(const runtime::job_degraded& x) const {
    write_step(json, x.step);
  }
  void operator()(const output_reset& x) const {
    json.number("item", x.item);
    json.number("from_offset", x.from_offset);
  }
  void operator()(const job_ended& x) const {
    if (x.record.status == job_status::cancelled)
      json.text("reason", x.reason);
    job(x.record);
  }
};

struct event_namer {
  std::string_view operator()(const job_created&) const {
    return "job.created";
  }
  std::string_view operator()(const job_queued&) const { return "job.queued"; }
  std::string_view operator()(const job_started&) const {
    return "job.started";
  }
  std::string_view operator()(const output_delta&) const {
    return "output.delta";
  }
  std::string_view operator()(const output_item_done&) const {
    return "output.item.done";
  }
  std::string_view operator()(const job_retrying&) const {
    return "job.retrying";
  }
  std::string_view operator()(const runtime::job_degraded&) const {
    return "job.degraded";
  }
  std::string_view operator()(const output_reset&) const {
    return "output.reset";
  }
  std::string_view operator()(const job_ended& x) const {
    switch (x.record.status) {
      case job_status::completed:
        return "job.completed";
      case job_status::incomplete:
        return "job.incomplete";
      case job_status::cancelled:
        return "job.cancelled";
      case job_status::expired:
        return "job.expired";
      default:
        return "job.failed";
    }
  }
};

} // namespace

void write_time(json_writer& json, std::string_view key, wall_time at) {
  if (at == wall_time{})
    json.null(key);
  else
    json.text(key, rfc3339(at));
}

void write_error(json_writer& json, const std::optional<failure>& error) {
  if (!error)
    return json.null("error");
  json.key("error");
  json.begin_object();
  json.text("code", to_string(error->code));
  json.text("message",
            error->context.empty() ? describe(error->code) : error->context);
  json.text("source", "troupe");
  json.end_object();
}

void write_metadata(json_writer& json, const job_spec* spec) {
  json.key("metadata");
  if (!spec)
    return json.null();
  json.begin_object();
  for (const auto& [key, value] : spec->metadata) {
    json.key_escaped(key);
    json.text(value);
  }
  json.end_object();
}

void write_degradation(json_writer& json, const job_record& record) {
  json.key("degradation");
  json.begin_array();
  for (const auto& step : record.degradations) {
    json.begin_object();
    write_step(json, step);
    json.end_object();
  }
  json.end_array();
}

void write_trace_id(json_writer& json, const job_spec* spec) {
  const auto trace = spec ? trace_id_of(spec->traceparent) : std::string_view{};
  if (trace.empty())
    return json.null("trace_id");
  json.text("trace_id", trace);
}

void write_job(json_writer& json, const job_view& job,
               const job_output* output) {
  write_job_body(json, job.record, job.spec.get(), job.standing, job_form::full,
                 output);
}

void write_job_row(json_writer& json, const job_record& record) {
  write_job_body(json, record, nullptr, {}, job_form::without_output, nullptr);
}

void write_result(json_writer& json, const job_view& job,
                  const job_output* output) {
  json.begin_object();
  json.text("job_id", job.record.id.str());
  json.text("status", to_string(job.record.status));
  write_output(json, job.record, output);
  write_usage(json, job.record.usage);
  write_timing(json, job.record.timing);
  write_error(json, job.record.error);
  json.end_object();
}

void write_event(json_writer& json, job_id id, const job_spec* spec,
                 task_kind task, const event& event) {
  json.begin_object();
  json.text("type", event_type(event));
  json.text("job_id", id.str());
  json.number("seq", event.seq);
  json.number("time_us", runtime::to_us(event.at));
  std::visit(event_writer{json, id, spec, task}, event.body);
  json.end_object();
}

std::string_view event_type(const event& event) noexcept {
  return std::visit(event_namer{}, event.body);
}

std::string server_timing(const job_timing& timing) {
  return "queue;dur=" + milliseconds(timing.queue_us)
         + ", compute;dur=" + milliseconds(timing.compute_us)
         + ", delivery;dur=" + milliseconds(timing.delivery_us);
}

std::string etag_of(const job_record& record) {
  return "W/\"" + std::to_string(record.version) + "\"";
}

} // namespace troupe::gateway
