#include "gateway/problem.hpp"

#include "gateway/json_writer.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::gateway {

namespace {

// Above this a client should not wait on the line.
constexpr uint64_t retry_worthwhile_s = 60;

uint64_t retry_seconds(double wanted_s, double jitter) {
  if (!(wanted_s > 0.0))
    wanted_s = 1.0;
  wanted_s = std::min(wanted_s, 86'400.0);
  // Never before the time given; up to a quarter later, or one second.
  const double spread = std::max(1.0, wanted_s / 4.0) * jitter;
  return static_cast<uint64_t>(std::ceil(wanted_s + spread));
}

void write_page(json_writer& json, const problem_kind& kind) {
  json.begin_object();
  json.text("type", std::string{"/problems/"}.append(kind.slug));
  json.text("title", kind.title);
  json.number("status", kind.status);
  json.text("explanation", kind.explanation);
  json.key("retryable");
  if (kind.retry == retry_hint::unknown)
    json.null();
  else
    json.boolean(kind.retry == retry_hint::yes);
  json.end_object();
}

/// The numbers behind it.
void write_extensions(json_writer& json, const problem& x) {
  if (x.limit)
    json.number("limit", *x.limit);
  if (x.budget) {
    json.number("required", x.budget->required);
    json.number("remaining", x.budget->remaining);
  }
  if (!x.facts.model.empty())
    json.text("model", x.facts.model);
  if (x.facts.queue_depth)
    json.number("queue_depth", *x.facts.queue_depth);
  if (x.facts.estimated_wait_s)
    json.number("estimated_wait_s", *x.facts.estimated_wait_s);
}

} // namespace

problem to_problem(const runtime::failure& why, double retry_after_s) {
  std::string detail{runtime::describe(why.code)};
  if (!why.context.empty())
    detail = why.context;
  problem x{.slug = slug_of(why.code),
            .detail = std::move(detail),
            .retry_after_s = retry_after_s};
  if (why.code == runtime::errc::quarantined_input)
    x.errors = {{"/input", x.detail, "quarantined-input"}};
  return x;
}

problem to_problem(const runtime::refused& refused) {
  auto x = to_problem(refused.why, refused.retry_after_s);
  x.facts = refused.facts;
  x.budget = refused.budget;
  return x;
}

http_reply render(const problem& x, const problem_context& context) {
  const auto& kind = problem_kind_of(x.slug);
  http_reply reply{.status = kind.status,
                   .content_type = "application/problem+json",
                   .close = kind.close || x.close};
  const bool waits = kind.status == 429 || kind.status == 503
                     || (kind.status == 409 && kind.retry == retry_hint::yes);
  bool retryable = kind.retry == retry_hint::yes;
  uint64_t retry_s = 0;
  if (waits) {
    // The first request of an idempotency key commits within a second.
    retry_s =
      kind.status == 409 ? 1 : retry_seconds(x.retry_after_s, context.jitter);
    retryable = retryable && retry_s <= retry_worthwhile_s;
    reply.add("Retry-After", std::to_string(retry_s));
  }
  if (x.budget)
    reply.budget_wait_s = static_cast<uint64_t>(std::ceil(x.retry_after_s));
  if (kind.retry != retry_hint::unknown)
    reply.add("x-should-retry", retryable ? "true" : "false");
  if (!x.allow.empty())
    reply.add("Allow", x.allow);
  json_writer json{reply.body};
  json.begin_object();
  json.text("type", std::string{"/problems/"}.append(kind.slug));
  json.text("title", kind.title);
  json.number("status", kind.status);
  json.text("detail", x.detail);
  json.text("instance", context.instance);
  json.text("request_id", context.request_id);
  if (!context.trace_id.empty())
    json.text("trace_id", context.trace_id);
  json.boolean("retryable", retryable);
  if (waits)
    json.number("retry_after_s", retry_s);
  json.text("source", "troupe");
  write_extensions(json, x);
  if (!x.errors.empty()) {
    json.key("errors");
    json.begin_array();
    for (const auto& error : x.errors) {
      json.begin_object();
      json.text("pointer", error.pointer);
      if (!error.code.empty())
        json.text("code", error.code);
      json.text("detail", error.detail);
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
  return reply;
}

std::optional<http_reply> problem_page(std::string_view slug) {
  const auto* kind = find_problem_kind(slug);
  if (!kind)
    return std::nullopt;
  http_reply reply;
  json_writer json{reply.body};
  write_page(json, *kind);
  return reply;
}

http_reply problem_index() {
  http_reply reply;
  json_writer json{reply.body};
  json.begin_object();
  json.text("object", "list");
  json.key("data");
  json.begin_array();
  for (const auto& kind : problem_kinds())
    write_page(json, kind);
  json.end_array();
  json.end_object();
  return reply;
}

} // namespace troupe::gateway
