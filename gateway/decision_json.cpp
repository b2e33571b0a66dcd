#include "gateway/decision_json.hpp"

#include "gateway/job_json.hpp"
#include "runtime/job_decision.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace troupe::gateway {

using runtime::decided_attempt;
using runtime::job_decision;
using runtime::job_record;

namespace {

constexpr uint8_t unlimited = 255;

/// The double with the fewest digits that is this float.
double plain(float x) {
  std::array<char, 32> text{};
  auto end = std::to_chars(text.data(), text.data() + text.size(), x).ptr;
  double shown = x;
  std::from_chars(text.data(), end, shown);
  return shown;
}

void write_log2(json_writer& json, std::string_view key, uint8_t value) {
  if (value == unlimited)
    json.null(key);
  else
    json.number(key, uint32_t{value});
}

void write_prediction(json_writer& json, const job_decision& x,
                      const job_record& record) {
  const auto& p = x.predicted;
  json.key("predicted");
  json.begin_object();
  json.number("input_tokens", p.input_tokens);
  json.number("cached_tokens", p.cached_tokens);
  json.number("output_tokens_p50", p.output_tokens_p50);
  json.number("output_tokens_p90", p.output_tokens_p90);
  json.number("mean_s", plain(p.mean_s));
  json.number("p50_s", plain(p.p50_s));
  json.key("label");
  json.begin_object();
  json.text("task", to_string(record.task));
  write_log2(json, "max_output_tokens_log2", p.output_log2);
  write_log2(json, "input_tokens_log2", p.input_log2);
  json.end_object();
  json.text("source", to_string(p.source));
  json.number("version", p.version);
  json.end_object();
}

void write_key(json_writer& json, const job_decision& x,
               const job_record& record) {
  const auto& k = x.key;
  json.key("key");
  json.begin_object();
  json.number("key_us", record.key_base - k.boost_us);
  json.number("base_us", record.key_base);
  json.number("arrival_us", runtime::to_us(record.created_at));
  json.number("boost_us", k.boost_us);
  json.number("weight", plain(k.weight));
  json.number("beta", plain(k.beta));
  json.number("beta_ref", plain(k.beta_ref));
  json.number("gamma", plain(k.gamma));
  json.number("limit_s", plain(k.limit_s));
  json.number("capacity", plain(k.capacity));
  json.boolean("clamped", k.clamped);
  json.end_object();
}

void write_admission(json_writer& json, const job_decision& x) {
  json.key("admission");
  json.begin_object();
  json.text("verdict", "admitted");
  json.key("checks");
  json.begin_array();
  for (const auto& c : x.admission) {
    json.begin_object();
    json.text("check", to_string(c.what));
    json.number("value", plain(c.value));
    json.number("limit", plain(c.limit));
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void write_seconds(json_writer& json, const runtime::wait_seconds& seconds) {
  json.begin_object();
  for (size_t i = 0; i < seconds.size(); ++i)
    if (seconds[i] > 0)
      json.number(to_string(static_cast<runtime::wait_reason>(i + 1)),
                  plain(seconds[i]));
  json.end_object();
}

void write_gate(json_writer& json, const runtime::gate_reading& gate) {
  json.key("gate");
  json.begin_object();
  json.number("clock_s", plain(static_cast<float>(gate.clock)));
  json.number("least_clock_s", plain(static_cast<float>(gate.least)));
  json.number("slack_s", plain(static_cast<float>(gate.slack)));
  json.end_object();
}

void write_wait(json_writer& json, const job_decision& x) {
  json.key("wait");
  json.begin_object();
  json.key("seconds");
  write_seconds(json, x.wait.seconds);
  json.number("dispatcher_generation", x.wait.generation);
  write_gate(json, x.wait.gate);
  json.end_object();
}

bool has_from_and_to(runtime::ladder_rung rung) {
  return rung == runtime::ladder_rung::longer_context
         || rung == runtime::ladder_rung::model
         || rung == runtime::ladder_rung::output_limit
         || rung == runtime::ladder_rung::context;
}

/// From and to stand in the record, in the same order; the oldest steps may be
/// missing here.
void write_steps(json_writer& json, const job_decision& x,
                 const job_record& record) {
  size_t moves = 0;
  for (const auto& s : x.steps)
    moves += has_from_and_to(s.rung) ? 1 : 0;
  const auto& all = record.degradations;
  auto next = all.size() - std::min(all.size(), moves);
  json.key("degradation");
  json.begin_array();
  for (const auto& s : x.steps) {
    json.begin_object();
    json.text("rung", to_string(s.rung));
    json.text("stage", to_string(s.stage));
    json.number("at_ms", s.at_ms);
    if (has_from_and_to(s.rung) && next < all.size()) {
      json.text("from", all[next].from);
      json.text("to", all[next].to);
      ++next;
    }
    json.number("needed", plain(s.needed));
    json.number("available", plain(s.available));
    json.end_object();
  }
  json.end_array();
}

void write_attempt(json_writer& json, const decided_attempt& a) {
  json.begin_object();
  json.number("attempt", a.attempt);
  json.text("worker", a.worker);
  json.number("start_ms", a.start_ms);
  json.text("outcome", to_string(a.outcome));
  if (a.outcome != runtime::attempt_outcome::running) {
    json.number("end_ms", a.end_ms);
    json.number("input_tokens", a.input_tokens);
    json.number("output_tokens", a.output_tokens);
    json.number("work_s", plain(a.work_s));
  }
  json.end_object();
}

void write_decision(json_writer& json, const job_record& record) {
  const auto x = runtime::decode_decision(record.decision);
  if (record.decision.empty() || !x)
    return json.null("decision");
  json.key("decision");
  json.begin_object();
  write_prediction(json, *x, record);
  write_key(json, *x, record);
  write_admission(json, *x);
  write_wait(json, *x);
  write_steps(json, *x, record);
  json.key("attempts");
  json.begin_array();
  for (const auto& a : x->attempts)
    write_attempt(json, a);
  json.end_array();
  json.number("dropped", x->dropped);
  json.end_object();
}

void write_why(json_writer& json, const runtime::job_view& job) {
  if (!job.why || runtime::is_terminal(job.record.status))
    return json.null("why");
  const auto& why = *job.why;
  json.key("why");
  json.begin_object();
  json.text("primary", to_string(why.primary));
  json.key("waited_s");
  write_seconds(json, why.waited);
  json.key("ahead");
  json.begin_object();
  json.number("jobs", why.jobs_ahead);
  json.number("work_s", why.work_ahead_s);
  json.end_object();
  json.key("estimated_start_s");
  if (job.standing && job.standing->wait_s)
    json.number(*job.standing->wait_s);
  else
    json.null();
  write_gate(json, why.gate);
  write_time(json, "overdue_at", why.bound_at);
  json.end_object();
}

} // namespace

void append_explanation(std::string& body, const runtime::job_view& job,
                        const explanation& what) {
  if (!what || !body.ends_with('}'))
    return;
  std::string more;
  json_writer json{more};
  json.begin_object();
  if (what.decision)
    write_decision(json, job.record);
  if (what.why)
    write_why(json, job);
  json.end_object();
  body.back() = ',';
  body.append(more, 1);
}

} // namespace troupe::gateway
