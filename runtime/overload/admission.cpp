#include "runtime/overload/admission.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace troupe::runtime {
namespace {

constexpr double retry_s_min = 1;
constexpr double retry_s_max = 300;

std::string in_seconds(double s) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", s);
  return text;
}

refusal_facts facts_of(const admission_inputs& job) {
  return {.model = job.record.queue(),
          .queue_depth = job.standing.position,
          .estimated_wait_s = job.standing.wait_s};
}

refused unmeetable(const admission_inputs& job, expire_reason reason) {
  if (reason == expire_reason::context_too_long)
    return {.why = fail(errc::context_too_long,
                        "the input needs about "
                          + std::to_string(job.record.forecast.input_tokens)
                          + " tokens, more than " + job.record.queue()
                          + " and its fallbacks take"),
            .facts = facts_of(job)};
  auto start = job.standing.wait_s.value_or(0);
  auto text = job.record.queue() + " would start it in " + in_seconds(start)
              + " and need " + in_seconds(job.record.forecast.service_p50_s)
              + ", past its limit";
  return {.why = fail(errc::deadline_unmeetable, std::move(text)),
          .facts = facts_of(job)};
}

} // namespace

double admission_policy::wait_limit_s(const job_record& record) const {
  auto limit = rules_.job_class(record.job_class).backlog_limit;
  if (limit <= duration{0})
    return std::numeric_limits<double>::infinity();
  return std::chrono::duration<double>(limit).count()
         * rules_.tier(record.tier).backlog_factor;
}

std::optional<refused>
admission_policy::too_long_a_wait(const admission_inputs& job) const {
  auto limit = wait_limit_s(job.record);
  if (job.guessed || !job.standing.wait_s || *job.standing.wait_s <= limit)
    return std::nullopt;
  auto text = job.record.queue() + " has " + in_seconds(*job.standing.wait_s)
              + " of admitted work before it; class " + job.record.job_class
              + " in tier " + std::string{to_string(job.record.tier)}
              + " may queue behind " + in_seconds(limit);
  return refused{.why = fail(errc::queue_full, std::move(text)),
                 .retry_after_s = std::clamp(*job.standing.wait_s - limit,
                                             retry_s_min, retry_s_max),
                 .facts = facts_of(job)};
}

admission_verdict admission_policy::judge(const admission_inputs& job,
                                          wall_time now) const {
  if (job.breaker_open || job.breaker_refusal) {
    if (auto other = ladder_.elsewhere(job.record))
      return {.refusal = std::nullopt, .step = std::move(other)};
    if (job.breaker_refusal)
      return {.refusal = job.breaker_refusal, .step = std::nullopt};
  }
  if (auto no = too_long_a_wait(job))
    return {.refusal = std::move(no), .step = std::nullopt};
  auto wait_s = job.guessed ? 0 : job.standing.wait_s.value_or(0);
  auto choice = ladder_.judge(job.record, now, wait_s);
  switch (choice.verdict.outcome) {
    case ladder_outcome::start:
    case ladder_outcome::partial:
      return {};
    case ladder_outcome::degrade:
      return {.refusal = std::nullopt, .step = std::move(choice)};
    case ladder_outcome::expire:
      return {.refusal = unmeetable(job, choice.verdict.reason),
              .step = std::nullopt};
  }
  return {};
}

} // namespace troupe::runtime
