#include "runtime/replay_plan.hpp"

#include <algorithm>

namespace troupe::runtime {
namespace {

constexpr double slowness_max = 64.0;
constexpr duration list_pause = std::chrono::seconds{1};

bool erase(std::vector<job_id>& from, job_id id) {
  return std::erase(from, id) > 0;
}

} // namespace

replay_plan::replay_plan(replay_run run) : run_{std::move(run)} {
  if (run_.by_ids && !run_.listed_all) {
    run_.listed_all = true;
    run_.counts.matched = run_.waiting.size();
  }
}

bool replay_plan::pause() {
  if (run_.status != run_status::running)
    return false;
  run_.status = run_status::paused;
  return true;
}

bool replay_plan::resume() {
  if (run_.status != run_status::paused)
    return false;
  run_.status = run_status::running;
  return true;
}

bool replay_plan::cancel() {
  if (has_ended(run_.status))
    return false;
  run_.status = run_status::cancelled;
  run_.waiting.clear();
  return true;
}

bool replay_plan::set_rate(double per_s, mono_time now) {
  bool fits = per_s >= rate_min && per_s <= rate_max;
  if (!fits || per_s == run_.rate_per_s || has_ended(run_.status))
    return false;
  run_.rate_per_s = per_s;
  next_at_ = std::min(next_at_, now + gap());
  return true;
}

duration replay_plan::gap() const noexcept {
  return duration{static_cast<int64_t>(1e6 * slowness_ / run_.rate_per_s)};
}

job_query replay_plan::next_query() const {
  auto left = run_.max - std::min(run_.max, run_.counts.matched);
  job_query query;
  query.filter.tenant = run_.tenant;
  query.filter.models = run_.models;
  query.filter.classes = run_.classes;
  query.filter.tiers = run_.tiers;
  query.filter.dead_letter = true;
  query.filter.letter_states = {letter_state::dead};
  query.filter.letter_reasons = run_.reasons;
  query.filter.died_after = run_.died_after;
  query.filter.died_before = run_.died_before;
  query.after = run_.after;
  query.descending = !run_.oldest_first;
  query.limit =
    static_cast<uint32_t>(std::clamp<uint64_t>(left, 1, page_letters));
  return query;
}

replay_plan::step replay_plan::next(mono_time now) {
  if (run_.status != run_status::running)
    return idle{};
  if (run_.waiting.size() > asked_.size()) {
    if (asked_.size() >= asked_max
        || run_.open.size() + asked_.size() >= open_max)
      return idle{};
    if (now < next_at_)
      return idle{next_at_};
    auto letter = std::find_if(run_.waiting.begin(), run_.waiting.end(),
                               [&](job_id x) { return !asked_.contains(x); });
    asked_.insert(*letter);
    // From the due time, so that late calls do not lower the rate; but a long
    // sleep earns no burst.
    next_at_ = (now - next_at_ < gap() ? next_at_ : now) + gap();
    return replay_letter{*letter};
  }
  if (listing_)
    return idle{};
  if (!run_.listed_all) {
    if (now < next_at_)
      return idle{next_at_};
    listing_ = true;
    return list_letters{next_query()};
  }
  if (run_.waiting.empty() && run_.open.empty())
    run_.status = run_status::completed;
  return idle{};
}

void replay_plan::listed(const std::vector<job_id>& letters,
                         std::optional<job_id> next_page) {
  if (!listing_)
    return;
  listing_ = false;
  if (has_ended(run_.status))
    return;
  run_.waiting.insert(run_.waiting.end(), letters.begin(), letters.end());
  run_.counts.matched += letters.size();
  run_.after = next_page;
  run_.listed_all = !next_page || run_.counts.matched >= run_.max;
}

void replay_plan::list_failed(mono_time now) {
  listing_ = false;
  next_at_ = std::max(next_at_, now + list_pause);
}

/// The letter needs no asking any more. False: it was not asked for.
bool replay_plan::settle(job_id letter) {
  bool asked = asked_.erase(letter) > 0;
  erase(run_.waiting, letter);
  return asked;
}

void replay_plan::replayed(job_id letter, job_id as) {
  if (!settle(letter))
    return;
  ++run_.counts.submitted;
  slowness_ = 1.0 + (slowness_ - 1.0) * 0.9;
  run_.open.push_back(as);
}

void replay_plan::skipped(job_id letter) {
  run_.counts.skipped += settle(letter) ? 1 : 0;
}

void replay_plan::deferred(job_id letter, duration retry_after, mono_time now) {
  if (asked_.erase(letter) == 0)
    return;
  ++run_.counts.deferred;
  slowness_ = std::min(slowness_ * 2.0, slowness_max);
  next_at_ = std::max(next_at_, now + std::max(retry_after, gap()));
}

void replay_plan::ended(const job_record& job) {
  if (!erase(run_.open, job.id))
    return;
  auto& n = run_.counts;
  if (job.status == job_status::completed
      || job.status == job_status::incomplete)
    ++n.completed;
  else if (job.dead_letter)
    ++n.dead_again;
  else
    ++n.failed;
}

letter_fate fate_of(const job_record& letter, bool has_request,
                    const replay_run& run) noexcept {
  switch (judge_letter(letter)) {
    case letter_verdict::settle:
      return has_request && letter_reason_of(letter) != letter_reason::poison
               ? letter_fate::replay
               : letter_fate::skip;
    case letter_verdict::replayed_already:
      return letter.replayed_as
                 && letter.replayed_as->created_at() >= run.id.created_at()
               ? letter_fate::mine
               : letter_fate::skip;
    case letter_verdict::dropped_already:
    case letter_verdict::no_letter:
      return letter_fate::skip;
  }
  return letter_fate::skip;
}

bool may_pass(errc refusal) noexcept {
  switch (refusal) {
    case errc::queue_full:
    case errc::quota_exceeded:
    case errc::rate_limited:
    case errc::draining:
    case errc::storage_unavailable:
    case errc::shard_unavailable:
    case errc::model_unavailable:
    case errc::idempotency_in_progress:
    case errc::timeout:
      return true;
    default:
      return false;
  }
}

} // namespace troupe::runtime
