#include "runtime/job_machine.hpp"

#include <algorithm>
#include <utility>

namespace troupe::runtime {
namespace {

int64_t span_us(wall_time from, wall_time to) noexcept {
  return std::max<int64_t>(0, (to - from).count());
}

/// What a record committed before the newest event may lack.
void replay(job_record& record, std::string& text, uint32_t& tokens,
            const event& x) {
  if (const auto* delta = std::get_if<output_delta>(&x.body)) {
    text += delta->text;
    tokens += delta->tokens;
    if (record.first_output_at == wall_time{})
      record.first_output_at = x.at;
  } else if (const auto* reset = std::get_if<output_reset>(&x.body)) {
    text.resize(std::min<size_t>(text.size(), reset->from_offset));
    tokens = 0;
  }
}

} // namespace

job_machine::job_machine(job_record record)
  : record_{std::move(record)}, ready_since_{record_.created_at} {}

result<job_machine> job_machine::restore(job_record record,
                                         const std::vector<event>& events) {
  job_machine machine{std::move(record)};
  uint64_t expected = 0;
  for (const auto& x : events) {
    if (x.seq != expected++)
      return runtime::fail(errc::corruption,
                           "event " + std::to_string(expected - 1) + " of "
                             + machine.record_.id.str() + " is missing");
    replay(machine.record_, machine.text_, machine.text_tokens_, x);
    if (std::holds_alternative<job_started>(x.body))
      machine.tokens_before_ = machine.text_tokens_;
  }
  if (events.size() < machine.record_.next_seq)
    return runtime::fail(errc::corruption, "the last events of "
                                             + machine.record_.id.str()
                                             + " are missing");
  machine.record_.next_seq = events.size();
  machine.record_.output_bytes = machine.text_.size();
  machine.running_ = machine.record_.phase == job_phase::assigned;
  if (!events.empty()) {
    machine.ready_since_ = events.back().at;
    machine.running_since_ = machine.record_.started_at;
  }
  return machine;
}

void job_machine::recall_decision(const std::string& decision) {
  if (record_.decision.empty())
    record_.decision = decision;
}

void job_machine::note(const decision_note& x, wall_time now) {
  if (terminal())
    return;
  if (x.wait)
    note_wait(record_.decision, *x.wait);
  if (!x.step)
    return;
  auto step = *x.step;
  step.at_ms = ms_since(record_.created_at, now);
  note_step(record_.decision, step);
}

job_step job_machine::begin(const attempt_start& start, wall_time now) {
  job_step step;
  if (terminal() || running_)
    return step;
  record_.attempt = start.id.attempt;
  record_.lease_epoch = start.id.epoch;
  record_.status = job_status::in_progress;
  record_.phase = job_phase::assigned;
  record_.model_used = start.model;
  if (record_.started_at == wall_time{})
    record_.started_at = now;
  record_.timing.queue_us += span_us(ready_since_, now);
  touch();
  running_ = true;
  running_since_ = now;
  note_start(record_.decision, {.attempt = start.id.attempt,
                                .worker = start.worker,
                                .start_ms = ms_since(record_.created_at, now)});
  price_ = start.price;
  append(step,
         job_started{.attempt = start.id.attempt,
                     .model = start.model,
                     .worker = start.worker},
         now);
  bool restart =
    record_.resume == resume_mode::restart || !start.continues_prefix;
  if (!text_.empty() && restart) {
    text_.clear();
    text_tokens_ = 0;
    record_.output_bytes = 0;
    append(step, output_reset{.item = 0, .from_offset = 0}, now);
  }
  tokens_before_ = text_tokens_;
  step.record_changed = true;
  return step;
}

void job_machine::line_up(attempt_id from) noexcept {
  if (running_ && from == current())
    in_line_ = true;
}

void job_machine::leave_slot(attempt_id from, duration ran,
                             wall_time now) noexcept {
  if (!running_ || in_line_ || parked_ || from != current())
    return;
  parked_ = true;
  // By the worker's monotonic clock: the wall clock may have been set.
  auto work = std::max<int64_t>(0, ran.count() - worked_us_);
  worked_us_ += work;
  record_.timing.compute_us += work;
  running_since_ = std::max(now, running_since_);
}

void job_machine::take_slot(attempt_id from, wall_time now) noexcept {
  if (!(in_line_ || parked_) || from != current())
    return;
  record_.timing.queue_us += span_us(running_since_, now);
  if (std::exchange(parked_, false)) {
    running_since_ = std::max(now, running_since_);
    return;
  }
  in_line_ = false;
  if (record_.started_at == running_since_)
    record_.started_at = std::max(now, running_since_);
  running_since_ = std::max(now, running_since_);
}

void job_machine::prefilled(attempt_id from, uint32_t input_tokens) {
  if (running_ && from == current())
    record_.usage.input_tokens = input_tokens;
}

job_step job_machine::output(attempt_id from, std::string text, uint32_t tokens,
                             wall_time now) {
  job_step step;
  if (!running_ || from != current() || terminal())
    return step;
  text_tokens_ += tokens;
  if (text.empty())
    return step;
  if (record_.first_output_at == wall_time{})
    record_.first_output_at = now;
  auto offset = text_.size();
  text_ += text;
  record_.output_bytes = text_.size();
  append(
    step,
    output_delta{
      .item = 0, .offset = offset, .text = std::move(text), .tokens = tokens},
    now);
  return step;
}

job_step job_machine::finish(attempt_id from, const attempt_result& result,
                             wall_time now) {
  job_step step;
  if (!running_ || from != current() || terminal())
    return step;
  record_.usage.input_tokens = result.input_tokens;
  end_attempt(attempt_outcome::finished, now, result.ran);
  bool whole = result.finish == finish_reason::stop;
  end(step, whole ? job_status::completed : job_status::incomplete,
      result.finish, now);
  return step;
}

job_step job_machine::fail(attempt_id from, failure why, wall_time now) {
  if (!running_ || from != current() || terminal())
    return {};
  end_attempt(attempt_outcome::failed, now);
  return end_failed(std::move(why), false, now);
}

job_step job_machine::lost(attempt_id from, attempt_loss loss,
                           const failure& why, wall_time now, double random,
                           const retry_delays& delays) {
  job_step step;
  if (!running_ || from != current() || terminal())
    return step;
  end_attempt(attempt_outcome::lost, now, duration{0}, false);
  record_.charged += loss == attempt_loss::model_error ? 1 : 0;
  record_.solo_crashes += loss == attempt_loss::crashed_alone ? 1 : 0;
  auto verdict = decide_retry(loss,
                              {.charged = record_.charged,
                               .max_attempts = record_.max_attempts,
                               .solo_crashes = record_.solo_crashes},
                              random, delays);
  if (verdict.what == retry_verdict::kind::poison)
    return end_failed({errc::poison, why.context}, true, now);
  if (verdict.what == retry_verdict::kind::exhausted)
    return end_failed(why, true, now);
  if (record_.resume == resume_mode::never && !text_.empty())
    return end_failed(why, false, now);
  record_.suspect = record_.suspect || verdict.alone;
  record_.phase = job_phase::queued;
  touch();
  ready_since_ = now + verdict.delay;
  append(
    step,
    job_retrying{.attempt = record_.attempt + 1,
                 .reason = std::string{retry_reason(loss)},
                 .delay_s = static_cast<double>(verdict.delay.count()) / 1e6,
                 .error = why},
    now);
  step.record_changed = true;
  step.requeue = verdict;
  return step;
}

job_step job_machine::cancel(std::string reason, wall_time now) {
  job_step step;
  if (terminal())
    return step;
  step.stop_attempt = running_;
  end_attempt(attempt_outcome::cancelled, now);
  end(step, job_status::cancelled, finish_reason::cancelled, now,
      std::move(reason));
  return step;
}

job_step job_machine::expire(wall_time now, std::string reason) {
  job_step step;
  if (terminal())
    return step;
  bool started = record_.attempt > (in_line_ ? 1U : 0U);
  step.stop_attempt = running_;
  end_attempt(attempt_outcome::expired, now);
  if (!started) {
    if (!reason.empty())
      record_.error = failure{errc::deadline, std::move(reason)};
    end(step, job_status::expired, finish_reason::none, now);
    return step;
  }
  if (record_.on_deadline != deadline_action::fail && !text_.empty()) {
    end(step, job_status::incomplete, finish_reason::deadline, now);
    return step;
  }
  auto failed =
    end_failed({errc::deadline, "the total limit has passed"}, false, now);
  failed.stop_attempt = step.stop_attempt;
  return failed;
}

job_step job_machine::degrade(job_degradation down, const queue_place& to,
                              wall_time now) {
  job_step step;
  if (terminal() || running_)
    return step;
  down.at_offset = text_.size();
  touch();
  step.record_changed = true;
  record_.degradations.push_back(down);
  append(step, job_degraded{down}, now);
  if (down.kind == degradation_kind::output_limit) {
    record_.forecast.max_output_tokens =
      static_cast<uint32_t>(std::stoul(down.to));
    return step;
  }
  if (down.kind == degradation_kind::context) {
    record_.forecast.input_tokens = static_cast<uint32_t>(std::stoul(down.to));
    record_.forecast.service_p50_s = to.service_p50_s;
    return step;
  }
  record_.order_key = to.key;
  record_.forecast.service_p50_s = to.service_p50_s;
  move_to(down.to, step, now);
  return step;
}

job_step job_machine::cut_over(attempt_id from, const std::string& to,
                               duration ran, wall_time now) {
  job_step step;
  if (!running_ || from != current() || terminal())
    return step;
  end_attempt(attempt_outcome::cut_over, now, ran);
  touch();
  step.record_changed = true;
  job_degradation down{.kind = degradation_kind::longer_context,
                       .from = record_.queue(),
                       .to = to,
                       .at_offset = text_.size()};
  record_.degradations.push_back(down);
  note({.step = decided_step{.rung = ladder_rung::longer_context,
                             .stage = decision_stage::mid_run}},
       now);
  append(step, job_degraded{std::move(down)}, now);
  move_to(to, step, now);
  return step;
}

job_step job_machine::cut_over(attempt_id from, job_degradation down,
                               const queue_place& to, wall_time now) {
  job_step step;
  if (!running_ || from != current() || terminal())
    return step;
  end_attempt(attempt_outcome::cut_over, now);
  touch();
  step.record_changed = true;
  step.stop_attempt = true;
  down.at_offset = text_.size();
  record_.degradations.push_back(down);
  record_.order_key = to.key;
  record_.forecast.service_p50_s = to.service_p50_s;
  auto model = down.to;
  append(step, job_degraded{std::move(down)}, now);
  move_to(model, step, now);
  return step;
}

job_step job_machine::shorten(attempt_id from, duration ran, wall_time now) {
  job_step step;
  auto& tokens = record_.forecast.input_tokens;
  if (!running_ || from != current() || terminal() || !text_.empty()
      || !record_.may_degrade || record_.kept_tokens_min == 0
      || tokens <= record_.kept_tokens_min)
    return step;
  end_attempt(attempt_outcome::cut_over, now, ran);
  touch();
  step.record_changed = true;
  auto fewer = std::max(record_.kept_tokens_min, tokens - tokens / 4 - 1);
  job_degradation down{.kind = degradation_kind::context,
                       .from = std::to_string(tokens),
                       .to = std::to_string(fewer)};
  record_.degradations.push_back(down);
  note({.step = decided_step{.rung = ladder_rung::context,
                             .stage = decision_stage::mid_run,
                             .needed = static_cast<float>(tokens),
                             .available = static_cast<float>(fewer)}},
       now);
  tokens = fewer;
  append(step, job_degraded{std::move(down)}, now);
  move_to(record_.queue_model, step, now);
  return step;
}

void job_machine::move_to(const std::string& model, job_step& step,
                          wall_time now) {
  if (record_.phase != job_phase::queued)
    ready_since_ = now;
  record_.queue_model = model;
  record_.phase = job_phase::queued;
  step.requeue = retry_verdict{};
}

void job_machine::append(job_step& step, event_body body, wall_time now) {
  step.events.push_back(
    event{.seq = record_.next_seq++, .at = now, .body = std::move(body)});
}

void job_machine::end_attempt(attempt_outcome outcome, wall_time now,
                              duration ran, bool counts) {
  if (!running_)
    return;
  auto before = record_.timing.compute_us - worked_us_;
  stop_clock(now, ran, counts);
  note_end(
    record_.decision,
    {.end_ms = ms_since(record_.created_at, now),
     .outcome = outcome,
     .input_tokens = record_.usage.input_tokens,
     .output_tokens = text_tokens_ - tokens_before_,
     .work_s = static_cast<float>(record_.timing.compute_us - before) / 1e6f});
}

void job_machine::stop_clock(wall_time now, duration ran,
                             bool counts) noexcept {
  auto work = worked_us_;
  if (running_ && (in_line_ || parked_)) {
    record_.timing.queue_us += span_us(running_since_, now);
  } else if (running_) {
    auto span = span_us(running_since_, now);
    auto last =
      ran > duration{0} ? std::max<int64_t>(0, ran.count() - worked_us_) : span;
    record_.timing.compute_us += last;
    work += last;
  }
  if (running_ && counts)
    record_.usage.cost += static_cast<double>(work) / 1e6 * price_;
  running_ = false;
  in_line_ = false;
  parked_ = false;
  worked_us_ = 0;
}

void job_machine::end(job_step& step, job_status status, finish_reason finish,
                      wall_time now, std::string reason) {
  record_.status = status;
  record_.phase = job_phase::none;
  record_.finish = finish;
  record_.finished_at = now;
  record_.retires_at += now - record_.created_at;
  record_.usage.output_tokens = text_tokens_;
  if (record_.attempt == 0)
    record_.timing.queue_us = span_us(record_.created_at, now);
  auto total = span_us(record_.created_at, now);
  record_.timing.delivery_us = std::max<int64_t>(
    0, total - record_.timing.queue_us - record_.timing.compute_us);
  touch();
  if (!text_.empty()) {
    append(step, output_item_done{.item = 0, .text = text_, .finish = finish},
           now);
    step.output = job_output{.text = text_, .finish = finish};
  } else if (status == job_status::completed) {
    step.output = job_output{.text = {}, .finish = finish};
  }
  // The event shows the record as it stays: with itself counted.
  ++record_.next_seq;
  auto shown = record_;
  shown.decision.clear();
  step.events.push_back(event{.seq = record_.next_seq - 1,
                              .at = now,
                              .body = job_ended{.record = std::move(shown),
                                                .reason = std::move(reason)}});
  step.record_changed = true;
  step.terminal = true;
}

job_step job_machine::end_failed(failure why, bool dead, wall_time now) {
  job_step step;
  record_.error = std::move(why);
  record_.dead_letter = dead && record_.durable;
  end(step, job_status::failed, finish_reason::none, now);
  return step;
}

} // namespace troupe::runtime
