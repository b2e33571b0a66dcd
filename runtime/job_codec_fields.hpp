// The stored layout of job values: one list of fields per type, in the order of
// the msgpack array, walked by the writer and by the reader alike.
//
// Append only. A field that is inserted, moved, retyped or reinterpreted raises
// job_schema_version; the golden bytes in tests/golden/job_codec notice.
//
//     value            msgpack
//     ---------------  -----------------------------------------------------
//     struct           array of its fields
//     enum, unsigned   unsigned integer
//     time, duration   integer, microseconds
//     double           float64
//     string           str; fingerprint and job id: bin
//     optional         nil, or the value
//     map              map, keys ascending
//     event            [seq, at, kind, [fields of the body]]
//                      kind = 1 + the alternative's index in event_body
#pragma once

#include "runtime/job.hpp"
#include "runtime/job_codec_enums.hpp"

#include <concepts>
#include <type_traits>

namespace troupe::runtime::detail {

/// `T` or `const T`: one list serves both directions.
template <class X, class T>
concept maybe_const = std::same_as<std::remove_const_t<X>, T>;

/// Marks a string that holds bytes, not text.
template <class S>
struct octets {
  S& value;
};
template <class S>
octets(S&) -> octets<S>;

template <class V, maybe_const<failure> T>
void fields(V& v, T& x) {
  v("code", x.code);
  v("context", x.context);
}

template <class V, maybe_const<chat_message> T>
void fields(V& v, T& x) {
  v("role", x.role);
  v("content", x.content);
}

template <class V, maybe_const<generation_params> T>
void fields(V& v, T& x) {
  v("max_output_tokens", x.max_output_tokens);
  v("temperature", x.temperature);
  v("top_p", x.top_p);
  v("top_k", x.top_k);
  v("stop", x.stop);
  v("seed", x.seed);
  v("presence_penalty", x.presence_penalty);
  v("frequency_penalty", x.frequency_penalty);
}

template <class V, maybe_const<simulate_params> T>
void fields(V& v, T& x) {
  v("service_s", x.service_s);
  v("tokens", x.tokens);
  v("fail_at_token", x.fail_at_token);
  v("fail_code", x.fail_code);
  v("hang", x.hang);
  v("crash", x.crash);
  v("predicted_s", x.predicted_s);
}

template <class V, maybe_const<job_deadline> T>
void fields(V& v, T& x) {
  v("start_timeout", x.start_timeout);
  v("total_timeout", x.total_timeout);
  v("action", x.action);
}

template <class V, maybe_const<job_spec> T>
void fields(V& v, T& x) {
  v("id", x.id);
  v("tenant", x.tenant);
  v("model", x.model);
  v("task", x.task);
  v("text", x.text);
  v("messages", x.messages);
  v("params", x.params);
  v("simulate", x.simulate);
  v("job_class", x.job_class);
  v("tier", x.tier);
  v("deadline", x.deadline);
  v("resume", x.resume);
  v("max_attempts", x.max_attempts);
  v("retention", x.retention);
  v("metadata", x.metadata);
  v("estimated_s", x.estimated_s);
  v("fallbacks", x.fallbacks);
  v("may_degrade", x.may_degrade);
  v("replay_of", x.replay_of);
  v("durable", x.durable);
  v("alias", x.alias);
  v("intent", x.intent);
  v("traceparent", x.traceparent);
  v("truncation_auto", x.truncation_auto);
}

template <class V, maybe_const<job_degradation> T>
void fields(V& v, T& x) {
  v("kind", x.kind);
  v("from", x.from);
  v("to", x.to);
  v("at_offset", x.at_offset);
}

template <class V, maybe_const<job_forecast> T>
void fields(V& v, T& x) {
  v("service_p50_s", x.service_p50_s);
  v("input_tokens", x.input_tokens);
  v("output_tokens_p50", x.output_tokens_p50);
  v("max_output_tokens", x.max_output_tokens);
}

template <class V, maybe_const<job_usage> T>
void fields(V& v, T& x) {
  v("input_tokens", x.input_tokens);
  v("cached_tokens", x.cached_tokens);
  v("output_tokens", x.output_tokens);
  v("cost", x.cost);
}

template <class V, maybe_const<job_timing> T>
void fields(V& v, T& x) {
  v("queue_us", x.queue_us);
  v("compute_us", x.compute_us);
  v("delivery_us", x.delivery_us);
}

template <class V, maybe_const<job_record> T>
void fields(V& v, T& x) {
  v("id", x.id);
  v("tenant", x.tenant);
  v("model", x.model);
  v("model_used", x.model_used);
  v("job_class", x.job_class);
  v("task", x.task);
  v("tier", x.tier);
  v("status", x.status);
  v("phase", x.phase);
  v("version", x.version);
  v("attempt", x.attempt);
  v("charged", x.charged);
  v("solo_crashes", x.solo_crashes);
  v("suspect", x.suspect);
  v("max_attempts", x.max_attempts);
  v("lease_epoch", x.lease_epoch);
  v("order_key", x.order_key);
  v("estimated_s", x.estimated_s);
  v("created_at", x.created_at);
  v("started_at", x.started_at);
  v("first_output_at", x.first_output_at);
  v("finished_at", x.finished_at);
  v("start_at", x.start_at);
  v("total_at", x.total_at);
  v("retires_at", x.retires_at);
  v("on_deadline", x.on_deadline);
  v("resume", x.resume);
  v("next_seq", x.next_seq);
  v("output_bytes", x.output_bytes);
  v("usage", x.usage);
  v("timing", x.timing);
  v("finish", x.finish);
  v("dead_letter", x.dead_letter);
  v("error", x.error);
  v("queue_model", x.queue_model);
  v("key_base", x.key_base);
  v("forecast", x.forecast);
  v("degradations", x.degradations);
  v("may_degrade", x.may_degrade);
  v("fallbacks", x.fallbacks);
  v("replay_of", x.replay_of);
  v("letter", x.letter);
  v("replayed_as", x.replayed_as);
  v("durable", x.durable);
  v("alias", x.alias);
  v("intent", x.intent);
  octets decision{x.decision};
  v("decision", decision);
  v("budget_cost", x.budget_cost);
  v("budget_serial", x.budget_serial);
  v("kept_tokens_min", x.kept_tokens_min);
}

template <class V, maybe_const<job_created> T>
void fields(V& v, T& x) {
  v("record", x.record);
}

template <class V, maybe_const<job_queued> T>
void fields(V& v, T& x) {
  v("position", x.position);
  v("estimated_start_s", x.estimated_start_s);
}

template <class V, maybe_const<job_started> T>
void fields(V& v, T& x) {
  v("attempt", x.attempt);
  v("model", x.model);
  v("worker", x.worker);
}

template <class V, maybe_const<output_delta> T>
void fields(V& v, T& x) {
  v("item", x.item);
  v("offset", x.offset);
  v("text", x.text);
  v("tokens", x.tokens);
}

template <class V, maybe_const<output_item_done> T>
void fields(V& v, T& x) {
  v("item", x.item);
  v("text", x.text);
  v("finish", x.finish);
}

template <class V, maybe_const<job_retrying> T>
void fields(V& v, T& x) {
  v("attempt", x.attempt);
  v("reason", x.reason);
  v("delay_s", x.delay_s);
  v("error", x.error);
}

template <class V, maybe_const<output_reset> T>
void fields(V& v, T& x) {
  v("item", x.item);
  v("from_offset", x.from_offset);
}

template <class V, maybe_const<job_degraded> T>
void fields(V& v, T& x) {
  v("step", x.step);
}

template <class V, maybe_const<job_ended> T>
void fields(V& v, T& x) {
  v("record", x.record);
  v("reason", x.reason);
}

template <class V, maybe_const<event> T>
void fields(V& v, T& x) {
  v("seq", x.seq);
  v("at", x.at);
  v("kind", x.body); // Two elements: the kind and the body's fields.
}

template <class V, maybe_const<job_output> T>
void fields(V& v, T& x) {
  v("text", x.text);
  v("finish", x.finish);
}

template <class V, maybe_const<idempotency_entry> T>
void fields(V& v, T& x) {
  v("job", x.job);
  octets fingerprint{x.fingerprint};
  v("fingerprint", fingerprint);
  v("expires_at", x.expires_at);
}

} // namespace troupe::runtime::detail
