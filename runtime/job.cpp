#include "runtime/job.hpp"

namespace troupe::runtime {
namespace {

/// The first entry of `words` belongs to the number `first`.
template <class Enum, size_t N>
std::string_view word_of(Enum x, const std::string_view (&words)[N],
                         size_t first) noexcept {
  auto index = static_cast<size_t>(x) - first;
  return index < N ? words[index] : "unknown";
}

template <class Enum, size_t N>
std::optional<Enum> value_of(std::string_view word,
                             const std::string_view (&words)[N],
                             size_t first) noexcept {
  for (size_t i = 0; i < N; ++i)
    if (words[i] == word)
      return static_cast<Enum>(i + first);
  return std::nullopt;
}

constexpr std::string_view tasks[]{"chat",     "complete", "embed",
                                   "classify", "rerank",   "run"};
constexpr std::string_view statuses[]{"queued",     "in_progress", "completed",
                                      "incomplete", "failed",      "cancelled",
                                      "expired"};
constexpr std::string_view phases[]{
  "none", "admitted", "queued", "assigned", "prefill", "decode", "delivering"};
constexpr std::string_view tiers[]{"flex", "default", "priority"};
constexpr std::string_view deadline_actions[]{"partial", "cutover", "fail"};
constexpr std::string_view resume_modes[]{"continue", "restart", "never"};
constexpr std::string_view degradations[]{"longer_context", "model",
                                          "output_limit", "context"};
constexpr std::string_view finishes[]{"none",           "stop",     "length",
                                      "context_length", "deadline", "cancelled",
                                      "shutdown"};

/// Zero for "no limit", as for a limit beyond the range of time.
wall_time limit_after(wall_time from, duration span) noexcept {
  if (span <= duration::zero() || from > wall_time::max() - span)
    return {};
  return from + span;
}

} // namespace

std::string_view to_string(task_kind x) noexcept {
  return word_of(x, tasks, 1);
}
std::string_view to_string(job_status x) noexcept {
  return word_of(x, statuses, 1);
}
std::string_view to_string(job_phase x) noexcept {
  return word_of(x, phases, 0);
}
std::string_view to_string(service_tier x) noexcept {
  return word_of(x, tiers, 1);
}
std::string_view to_string(deadline_action x) noexcept {
  return word_of(x, deadline_actions, 1);
}
std::string_view to_string(resume_mode x) noexcept {
  return word_of(x, resume_modes, 1);
}
std::string_view to_string(degradation_kind x) noexcept {
  return word_of(x, degradations, 1);
}
std::string_view to_string(finish_reason x) noexcept {
  return word_of(x, finishes, 0);
}

std::optional<task_kind> task_from_string(std::string_view word) noexcept {
  return value_of<task_kind>(word, tasks, 1);
}
std::optional<job_status> status_from_string(std::string_view word) noexcept {
  return value_of<job_status>(word, statuses, 1);
}
std::optional<service_tier> tier_from_string(std::string_view word) noexcept {
  return value_of<service_tier>(word, tiers, 1);
}

std::string_view to_string(request_intent intent) noexcept {
  switch (intent) {
    case request_intent::fast:
      return "fast";
    case request_intent::accurate:
      return "accurate";
    case request_intent::explore:
      return "explore";
  }
  return "unknown";
}

std::optional<request_intent>
intent_from_string(std::string_view word) noexcept {
  for (auto x : {request_intent::fast, request_intent::accurate,
                 request_intent::explore})
    if (word == to_string(x))
      return x;
  return std::nullopt;
}

job_record make_record(const job_spec& spec) {
  job_record record;
  record.id = spec.id;
  record.tenant = spec.tenant;
  record.model = spec.model;
  record.job_class = spec.job_class;
  record.task = spec.task;
  record.tier = spec.tier;
  record.status = job_status::queued;
  record.phase = job_phase::queued;
  record.max_attempts = spec.max_attempts;
  record.estimated_s = spec.estimated_s;
  record.created_at = spec.id.created_at();
  record.start_at = limit_after(record.created_at, spec.deadline.start_timeout);
  record.total_at = limit_after(record.created_at, spec.deadline.total_timeout);
  record.retires_at = limit_after(record.created_at, spec.retention);
  record.on_deadline = spec.deadline.action;
  record.resume = spec.resume;
  record.forecast.max_output_tokens = spec.params.max_output_tokens;
  record.may_degrade = spec.may_degrade;
  record.fallbacks = spec.fallbacks;
  record.replay_of = spec.replay_of;
  record.durable = spec.durable;
  record.alias = spec.alias;
  record.intent = spec.intent;
  return record;
}

} // namespace troupe::runtime
