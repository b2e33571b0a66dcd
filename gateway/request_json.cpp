#include "gateway/request_json.hpp"

namespace troupe::gateway {

using runtime::duration;
using runtime::generation_params;
using runtime::job_spec;
using runtime::simulate_params;

namespace {

double seconds(duration x) noexcept {
  return static_cast<double>(x.count()) / 1e6;
}

void write_input(json_writer& json, const job_spec& spec) {
  json.key("input");
  if (spec.messages.empty())
    return json.text(spec.text);
  json.begin_array();
  for (const auto& x : spec.messages) {
    json.begin_object();
    json.text("role", x.role);
    json.text("content", x.content);
    json.end_object();
  }
  json.end_array();
}

void write_simulate(json_writer& json, const simulate_params& x) {
  json.key("simulate");
  json.begin_object();
  if (x.service_s)
    json.number("service_s", *x.service_s);
  if (x.tokens)
    json.number("tokens", *x.tokens);
  if (x.fail_at_token)
    json.number("fail_at_token", *x.fail_at_token);
  if (!x.fail_code.empty())
    json.text("fail_code", x.fail_code);
  json.boolean("hang", x.hang);
  json.boolean("crash", x.crash);
  if (x.predicted_s)
    json.number("predicted_s", *x.predicted_s);
  json.end_object();
}

void write_params(json_writer& json, const job_spec& spec) {
  const auto& x = spec.params;
  json.key("params");
  json.begin_object();
  if (x.max_output_tokens > 0)
    json.number("max_output_tokens", x.max_output_tokens);
  json.number("temperature", x.temperature);
  json.number("top_p", x.top_p);
  json.number("top_k", x.top_k);
  json.key("stop");
  json.begin_array();
  for (const auto& text : x.stop)
    json.text(text);
  json.end_array();
  if (x.seed)
    json.number("seed", *x.seed);
  json.number("presence_penalty", x.presence_penalty);
  json.number("frequency_penalty", x.frequency_penalty);
  if (spec.simulate)
    write_simulate(json, *spec.simulate);
  json.end_object();
}

void write_deadline(json_writer& json, const job_spec& spec) {
  const auto& x = spec.deadline;
  json.key("deadline");
  json.begin_object();
  if (x.start_timeout > duration{0})
    json.number("start_timeout_s", seconds(x.start_timeout));
  if (x.total_timeout > duration{0})
    json.number("total_timeout_s", seconds(x.total_timeout));
  json.text("on_deadline", to_string(x.action));
  json.end_object();
}

} // namespace

void write_request(json_writer& json, const job_spec& spec) {
  json.begin_object();
  json.text("model", spec.model);
  json.text("task", to_string(spec.task));
  write_input(json, spec);
  write_params(json, spec);
  json.text("class", spec.job_class);
  json.text("service_tier", to_string(spec.tier));
  write_deadline(json, spec);
  json.text("resume", to_string(spec.resume));
  json.number("max_attempts", spec.max_attempts);
  json.key("metadata");
  json.begin_object();
  for (const auto& [key, value] : spec.metadata) {
    json.key_escaped(key);
    json.text(value);
  }
  json.end_object();
  json.number("retention_s", seconds(spec.retention));
  json.text("degradation", spec.may_degrade ? "allow" : "forbid");
  if (spec.fallbacks) {
    json.key("fallbacks");
    json.begin_array();
    for (const auto& name : *spec.fallbacks)
      json.text(name);
    json.end_array();
  }
  if (!spec.durable)
    json.boolean("durable", false);
  json.end_object();
}

} // namespace troupe::gateway
