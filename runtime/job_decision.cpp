#include "runtime/job_decision.hpp"

#include <algorithm>
#include <limits>

namespace troupe::runtime {
namespace {

constexpr size_t worker_bytes_max = 40;

/// Not in the middle of a character.
std::string shortened(std::string text) {
  if (text.size() <= worker_bytes_max)
    return text;
  auto size = worker_bytes_max;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80)
    --size;
  text.resize(size);
  return text;
}

template <class Change>
void edit(std::string& bytes, Change change) {
  auto decoded = decode_decision(bytes);
  auto x = decoded ? std::move(*decoded) : job_decision{};
  change(x);
  bytes = encode(x);
}

uint32_t count_of(double x) noexcept {
  constexpr double most = std::numeric_limits<uint32_t>::max();
  return x >= 0 ? static_cast<uint32_t>(std::min(x, most)) : 0;
}

} // namespace

std::string_view to_string(admission_check x) noexcept {
  switch (x) {
    case admission_check::shard_jobs:
      return "shard_jobs";
    case admission_check::estimated_wait:
      return "estimated_wait";
    case admission_check::finish:
      return "finish";
  }
  return "unknown";
}

std::string_view to_string(decision_stage x) noexcept {
  switch (x) {
    case decision_stage::admission:
      return "admission";
    case decision_stage::pick:
      return "pick";
    case decision_stage::mid_run:
      return "mid_run";
  }
  return "unknown";
}

std::string_view to_string(attempt_outcome x) noexcept {
  switch (x) {
    case attempt_outcome::running:
      return "running";
    case attempt_outcome::finished:
      return "finished";
    case attempt_outcome::failed:
      return "failed";
    case attempt_outcome::lost:
      return "lost";
    case attempt_outcome::cut_over:
      return "cut_over";
    case attempt_outcome::cancelled:
      return "cancelled";
    case attempt_outcome::expired:
      return "expired";
  }
  return "unknown";
}

job_decision decision_of(const job_placement& placement, const key_terms& terms,
                         double weight, std::vector<decided_check> checks) {
  const auto& cost = placement.cost;
  auto beta = boost_exponent(cost.log_mgf);
  return {.predicted = {.input_tokens = count_of(cost.input_tokens),
                        .output_tokens_p50 = count_of(cost.output_tokens_p50),
                        .output_tokens_p90 = count_of(cost.output_tokens_p90),
                        .mean_s = static_cast<float>(cost.mean_s),
                        .p50_s = static_cast<float>(cost.p50_s),
                        .output_log2 = cost.output_log2,
                        .input_log2 = cost.input_log2,
                        .source = cost.source,
                        .version = cost.version},
          .key = {.boost_us = placement.key.boost,
                  .weight = static_cast<float>(weight),
                  .beta = static_cast<float>(beta),
                  .beta_ref = static_cast<float>(terms.beta_ref),
                  .gamma = static_cast<float>(terms.gamma),
                  .limit_s = static_cast<float>(terms.limit_s),
                  .capacity = static_cast<float>(terms.capacity),
                  .clamped = placement.key.clamped},
          .admission = std::move(checks)};
}

decided_step step_of(const ladder_verdict& verdict, decision_stage stage) {
  decided_step step{.rung = verdict.rung, .stage = stage};
  for (const auto& x : verdict.tried)
    if (x.rung == verdict.rung) {
      step.needed = static_cast<float>(x.needed);
      step.available = static_cast<float>(x.available);
    }
  return step;
}

void note_wait(std::string& decision, const decided_wait& wait) {
  edit(decision, [&](job_decision& x) {
    auto waited = x.wait.seconds;
    x.wait = wait;
    for (size_t i = 0; i < wait_reasons; ++i)
      x.wait.seconds[i] += waited[i];
  });
}

void note_step(std::string& decision, const decided_step& step) {
  edit(decision, [&](job_decision& x) { x.steps.push_back(step); });
}

void note_start(std::string& decision, const decided_attempt& attempt) {
  edit(decision, [&](job_decision& x) {
    x.attempts.push_back(attempt);
    auto& worker = x.attempts.back().worker;
    worker = shortened(std::move(worker));
  });
}

void note_end(std::string& decision, const decided_attempt& end) {
  edit(decision, [&](job_decision& x) {
    if (x.attempts.empty()
        || x.attempts.back().outcome != attempt_outcome::running)
      return;
    auto& last = x.attempts.back();
    last.end_ms = end.end_ms;
    last.outcome = end.outcome;
    last.input_tokens = end.input_tokens;
    last.output_tokens = end.output_tokens;
    last.work_s = end.work_s;
  });
}

uint32_t ms_since(wall_time from, wall_time to) noexcept {
  return count_of(std::chrono::duration<double, std::milli>(to - from).count());
}

} // namespace troupe::runtime
