#include "gateway/letter_json.hpp"

#include "gateway/job_json.hpp"
#include "gateway/request_json.hpp"
#include "runtime/dead_letter.hpp"

namespace troupe::gateway {

using runtime::job_record;
using runtime::job_spec;
using runtime::past_attempt;

namespace {

void write_head(json_writer& json, const job_record& record,
                const job_spec* spec) {
  json.text("id", record.id.str());
  json.text("object", "dead_letter");
  json.text("state", to_string(record.letter));
  json.text("reason", to_string(runtime::letter_reason_of(record)));
  json.text("model", record.model);
  json.text("class", record.job_class);
  json.text("service_tier", to_string(record.tier));
  write_time(json, "died_at", record.finished_at);
  json.number("cost", record.usage.cost);
  json.boolean("has_partial", record.output_bytes > 0);
  write_error(json, record.error);
  json.number("attempt_count", record.attempt);
  if (record.replayed_as)
    json.text("replayed_as", record.replayed_as->str());
  else
    json.null("replayed_as");
  write_trace_id(json, spec);
  write_metadata(json, spec);
}

void write_attempt(json_writer& json, const past_attempt& x) {
  json.begin_object();
  json.number("attempt", x.attempt);
  json.text("model", x.model);
  json.text("worker", x.worker);
  write_time(json, "started_at", x.started_at);
  write_time(json, "ended_at", x.ended_at);
  write_error(json, x.error);
  json.end_object();
}

} // namespace

void write_letter_row(json_writer& json, const job_record& record) {
  json.begin_object();
  write_head(json, record, nullptr);
  json.end_object();
}

void write_letter(json_writer& json, const job_record& record,
                  const job_spec* spec,
                  std::span<const past_attempt> attempts) {
  json.begin_object();
  write_head(json, record, spec);
  json.key("attempts");
  json.begin_array();
  for (const auto& x : attempts)
    write_attempt(json, x);
  json.end_array();
  json.key("request");
  if (spec)
    write_request(json, *spec);
  else
    json.null();
  json.end_object();
}

} // namespace troupe::gateway
