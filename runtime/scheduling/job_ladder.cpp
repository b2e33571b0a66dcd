#include "runtime/scheduling/job_ladder.hpp"

#include <algorithm>
#include <cstdint>

namespace troupe::runtime {
namespace {

/// A model that names no limit takes everything.
uint32_t context_of(const model_policy& policy) noexcept {
  return policy.context_length == 0 ? UINT32_MAX : policy.context_length;
}

/// Tokens are estimated from bytes until the engine counts them: a third more
/// than the context may still fit, and the engine has the last word.
uint32_t doubtful_context_of(const model_policy& policy) noexcept {
  auto context = context_of(policy);
  return context > UINT32_MAX - context / 3 ? UINT32_MAX
                                            : context + context / 3;
}

/// While it is in doubt no turn is dropped; what is sure not to fit is cut down
/// to what surely fits.
uint32_t believed_context_of(const model_policy& policy,
                             const job_record& record) noexcept {
  auto doubtful = doubtful_context_of(policy);
  return record.kept_tokens_min > 0 && record.forecast.input_tokens >= doubtful
           ? context_of(policy)
           : doubtful;
}

bool makes_text(task_kind task) noexcept {
  return task == task_kind::chat || task == task_kind::complete;
}

std::optional<duration> left(wall_time limit, wall_time now) noexcept {
  if (limit == wall_time{})
    return std::nullopt;
  return limit - now;
}

} // namespace

job_degradation degradation_of(const ladder_choice& choice,
                               const job_record& record) {
  if (choice.verdict.rung == ladder_rung::output_limit)
    return {.kind = degradation_kind::output_limit,
            .from = std::to_string(record.forecast.max_output_tokens),
            .to = std::to_string(choice.verdict.max_output_tokens)};
  if (choice.verdict.rung == ladder_rung::context)
    return {.kind = degradation_kind::context,
            .from = std::to_string(record.forecast.input_tokens),
            .to = std::to_string(choice.verdict.input_tokens)};
  return {.kind = choice.verdict.rung == ladder_rung::longer_context
                    ? degradation_kind::longer_context
                    : degradation_kind::model,
          .from = record.queue(),
          .to = choice.target};
}

ladder_choice job_ladder::judge(const job_record& record, wall_time now,
                                double wait_s) const {
  const auto& own = policy_(record.queue());
  const auto& f = record.forecast;
  auto service = own.costs->service();
  auto names = targets(record);
  std::vector<ladder_target> fallbacks;
  for (const auto& name : names)
    fallbacks.push_back(target(record, name));
  deadline_inputs in{.line = {.a_s = service.base_s,
                              .b_s = service.input_token_s,
                              .c_s = service.output_token_s},
                     .service_p50_s = f.service_p50_s,
                     .output_p50_tokens =
                       static_cast<double>(f.output_tokens_p50),
                     .input_tokens = f.input_tokens,
                     .last_turn_tokens = record.kept_tokens_min,
                     .max_output_tokens = f.max_output_tokens,
                     .context_length = believed_context_of(own, record),
                     .wait_s = wait_s,
                     .total_left = left(record.total_at, now),
                     .rights = {.degradation = record.may_degrade,
                                .on_deadline = record.on_deadline,
                                .truncation_auto = record.kept_tokens_min > 0,
                                .makes_text = makes_text(record.task)},
                     .fallbacks = fallbacks};
  if (record.attempt == 0)
    in.start_left = left(record.start_at, now);
  ladder_choice choice{.verdict =
                         deadline_policy{rules_.deadline_margin}.decide(in)};
  if (auto i = choice.verdict.fallback) {
    choice.target = names[*i];
    choice.target_p50_s = fallbacks[*i].service_p50_s;
  }
  if (choice.verdict.rung == ladder_rung::context) {
    auto all = service.at(f.input_tokens, f.output_tokens_p50);
    auto kept = service.at(choice.verdict.input_tokens, f.output_tokens_p50);
    choice.target_p50_s =
      all > 0 ? f.service_p50_s * kept / all : f.service_p50_s;
  }
  return choice;
}

ladder_target job_ladder::target(const job_record& record,
                                 const std::string& name) const {
  const auto& f = record.forecast;
  const auto& p = policy_(name);
  // As much faster or slower as the models are for the same tokens.
  auto here = policy_(record.queue())
                .costs->service()
                .at(f.input_tokens, f.output_tokens_p50);
  auto there = p.costs->service().at(f.input_tokens, f.output_tokens_p50);
  return {.model = name,
          .context_length = context_of(p),
          .breaker_closed = p.serving && p.breaker_closed,
          .wait_s = wait_(name),
          .service_p50_s = f.service_p50_s <= 0 ? 0
                           : here > 0           ? f.service_p50_s * there / here
                                                : there};
}

std::optional<ladder_choice>
job_ladder::elsewhere(const job_record& record) const {
  if (!record.may_degrade)
    return std::nullopt;
  for (auto& name : targets(record)) {
    auto to = target(record, name);
    if (!to.breaker_closed || record.forecast.input_tokens >= to.context_length)
      continue;
    ladder_choice choice{.target = name, .target_p50_s = to.service_p50_s};
    choice.verdict.outcome = ladder_outcome::degrade;
    choice.verdict.rung = ladder_rung::model;
    return choice;
  }
  return std::nullopt;
}

ladder_choice job_ladder::mid_run(const job_record& record, uint32_t produced,
                                  const attempt_rest& rest,
                                  wall_time now) const {
  auto input = record.forecast.input_tokens + produced;
  auto names = targets(record);
  std::vector<ladder_target> fallbacks;
  for (const auto& name : names) {
    auto to = target(record, name);
    // What was made so far is input there.
    to.service_p50_s = policy_(name).costs->service().at(input, rest.tokens);
    fallbacks.push_back(std::move(to));
  }
  auto verdict = deadline_policy{rules_.deadline_margin}.mid_run(
    {.input_tokens = record.forecast.input_tokens,
     .produced_tokens = produced,
     // Only the engine knows when it is full.
     .context_length = UINT32_MAX,
     .rest_s = rest.seconds,
     .total_left = left(record.total_at, now),
     .rights = {.degradation = record.may_degrade,
                .on_deadline = record.on_deadline,
                .makes_text = makes_text(record.task)},
     .fallbacks = fallbacks});
  ladder_choice choice;
  choice.verdict.tried = std::move(verdict.tried);
  if (!verdict.fallback)
    return choice;
  choice.verdict.outcome = ladder_outcome::degrade;
  choice.verdict.rung = verdict.rung;
  choice.target = names[*verdict.fallback];
  choice.target_p50_s = fallbacks[*verdict.fallback].service_p50_s;
  return choice;
}

std::optional<std::string>
job_ladder::longer_context(const job_record& record) const {
  if (!record.may_degrade)
    return std::nullopt;
  auto own = context_of(policy_(record.queue()));
  for (auto& name : targets(record)) {
    const auto& p = policy_(name);
    if (p.serving && context_of(p) > own)
      return name;
  }
  return std::nullopt;
}

std::optional<wall_time> job_ladder::judge_at(const job_record& record) const {
  auto mono = [](wall_time t) -> std::optional<mono_time> {
    if (t == wall_time{})
      return std::nullopt;
    return mono_time{t.time_since_epoch()};
  };
  auto at = deadline_policy{rules_.deadline_margin}.latest_feasible_start(
    record.attempt == 0 ? mono(record.start_at) : std::nullopt,
    mono(record.total_at), record.forecast.service_p50_s);
  if (!at)
    return std::nullopt;
  // At the latest start itself it still fits; just after it, it does not.
  return wall_time{at->time_since_epoch() + std::chrono::milliseconds{1}};
}

/// Fallbacks of the job or its model, without those it has left.
std::vector<std::string> job_ladder::targets(const job_record& record) const {
  auto it = rules_.fallbacks.find(record.model);
  auto names = record.fallbacks               ? *record.fallbacks
               : it != rules_.fallbacks.end() ? it->second
                                              : std::vector<std::string>{};
  std::erase_if(names, [&](const std::string& name) {
    return name == record.queue()
           || std::any_of(
             record.degradations.begin(), record.degradations.end(),
             [&](const job_degradation& d) { return d.from == name; });
  });
  return names;
}

} // namespace troupe::runtime
