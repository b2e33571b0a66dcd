#include "runtime/overload/breaker.hpp"

#include "runtime/result.hpp"

#include <algorithm>

namespace troupe::runtime {
namespace {

constexpr double jitter_share = 0.2;

duration open_time(backoff_range range, uint32_t openings,
                   double random) noexcept {
  auto length = range.first;
  for (uint32_t n = 0; n < openings && length < range.cap; ++n)
    length *= 2;
  length = std::min(length, range.cap);
  auto factor = 1 - jitter_share + 2 * jitter_share * random;
  return duration{
    static_cast<int64_t>(static_cast<double>(length.count()) * factor)};
}

} // namespace

std::string_view to_string(breaker_state state) noexcept {
  switch (state) {
    case breaker_state::closed:
      return "closed";
    case breaker_state::open:
      return "open";
    case breaker_state::half_open:
      return "half_open";
  }
  return "unknown";
}

std::string_view to_string(breaker_cause cause) noexcept {
  switch (cause) {
    case breaker_cause::none:
      return "none";
    case breaker_cause::failures:
      return "failures";
    case breaker_cause::slow:
      return "slow";
    case breaker_cause::lost:
      return "lost";
    case breaker_cause::restarted:
      return "restarted";
    case breaker_cause::probing:
      return "probing";
    case breaker_cause::paused:
      return "paused";
    case breaker_cause::forced:
      return "forced";
  }
  return "unknown";
}

call_result judge_failure(bool transient, errc code) noexcept {
  bool own = code == errc::model_error || code == errc::worker_lost
             || code == errc::timeout || code == errc::io_error
             || code == errc::internal;
  if (code == errc::queue_full) // No room after all.
    return call_result::uncounted;
  return transient || own ? call_result::failed : call_result::uncounted;
}

void breaker::resume(mono_time now) {
  reset(now);
  cause_ = breaker_cause::restarted;
  half_open(now);
}

// --- states ------------------------------------------------------------------

void breaker::enter(breaker_state state) {
  state_ = state;
  ++round_;
  ++transitions_[static_cast<size_t>(state) - 1];
  probes_out_.clear();
  probes_issued_ = 0;
  probes_good_ = 0;
}

bool breaker::healthy(mono_time at) const noexcept {
  return state_ == breaker_state::closed
         && at - closed_since_ >= settings_.open_for.healthy_after();
}

void breaker::open(breaker_cause cause, mono_time at, double random) {
  if (healthy(at) || openings_ == 0) {
    openings_ = 0;
    incident_since_ = at;
  }
  if (cause == breaker_cause::slow
      && at - incident_since_ >= settings_.slow_accepted_after)
    baseline_.clear();
  baseline_.forget_recent();
  open_until_ = at + open_time(settings_.open_for, openings_, random);
  ++openings_;
  cause_ = cause;
  last_random_ = random;
  enter(breaker_state::open);
}

void breaker::close(mono_time at) {
  window_.clear();
  cause_ = breaker_cause::none;
  closed_since_ = at;
  enter(breaker_state::closed);
}

void breaker::half_open(mono_time at) {
  half_open_until_ = at + settings_.half_open_max;
  enter(breaker_state::half_open);
}

void breaker::advance(mono_time now) {
  if (state_ != breaker_state::half_open || now < half_open_until_)
    return;
  auto end = half_open_until_;
  if (!probes_out_.empty()) {
    open(breaker_cause::lost, end, last_random_);
  } else if (probes_good_ > 0) {
    close(end); // Too little traffic for more, and all of it was good.
  } else {
    open_until_ = end;
    enter(breaker_state::open);
  }
}

// --- calls -------------------------------------------------------------------

breaker_permit breaker::ask(mono_time now) {
  auto at = available_at(now);
  if (at > now)
    return {.allowed = false, .cause = refusal(now), .retry_at = at};
  if (forced(now))
    return {.allowed = true}; // In no round: not counted.
  if (state_ == breaker_state::open)
    half_open(now);
  breaker_permit permit{.allowed = true, .ticket = {.round = round_}};
  if (state_ == breaker_state::half_open) {
    permit.ticket.probe = ++probes_issued_;
    probes_out_.push_back(probes_issued_);
  }
  return permit;
}

mono_time breaker::available_at(mono_time now) {
  advance(now);
  if (forced(now))
    return forced_state_ == breaker_state::closed ? now : forced_until_;
  auto at = std::max(now, paused_until_);
  if (state_ == breaker_state::open)
    return std::max(at, open_until_);
  if (all_probes_used())
    return std::max(at, half_open_until_);
  return at;
}

bool breaker::all_probes_used() const noexcept {
  return state_ == breaker_state::half_open
         && probes_out_.size() + probes_good_ >= settings_.probes;
}

breaker_cause breaker::refusal(mono_time now) const noexcept {
  if (forced(now))
    return breaker_cause::forced;
  if (state_ == breaker_state::open && now < open_until_)
    return cause_;
  return now < paused_until_ ? breaker_cause::paused : breaker_cause::probing;
}

void breaker::report(const call_outcome& outcome, mono_time now,
                     double random) {
  advance(now);
  if (outcome.result == call_result::throttled)
    pause(outcome.retry_after, now);
  if (outcome.ticket.round != round_)
    return;
  if (state_ == breaker_state::closed)
    count(outcome, now, random);
  else if (state_ == breaker_state::half_open)
    judge_probe(outcome, now, random);
}

void breaker::pause(std::optional<duration> retry_after, mono_time now) {
  auto length = std::clamp(retry_after.value_or(settings_.pause_default),
                           duration{0}, settings_.pause_max);
  paused_until_ = std::max(paused_until_, now + length);
}

void breaker::count(const call_outcome& outcome, mono_time now, double random) {
  auto failed = outcome.result == call_result::failed;
  if (!failed && outcome.result != call_result::good)
    return;
  auto slow = outcome.first_token && baseline_.is_slow(*outcome.first_token);
  if (!failed && outcome.first_token)
    baseline_.learn(*outcome.first_token, now);
  window_.add({.failed = failed, .slow = slow});
  if (window_.calls() < settings_.calls_min)
    return;
  auto reaches = [this](uint32_t n, double share) {
    return n >= share * window_.calls();
  };
  if (reaches(window_.failed(), settings_.failed_share))
    open(breaker_cause::failures, now, random);
  else if (reaches(window_.slow(), settings_.slow_share))
    open(breaker_cause::slow, now, random);
}

void breaker::judge_probe(const call_outcome& outcome, mono_time now,
                          double random) {
  if (outcome.result == call_result::failed)
    return open(breaker_cause::failures, now, random);
  // Given back, good or not; what was given back before is no news.
  if (std::erase(probes_out_, outcome.ticket.probe) == 0
      || outcome.result != call_result::good)
    return;
  if (outcome.first_token && baseline_.is_slow(*outcome.first_token))
    return open(breaker_cause::slow, now, random);
  if (++probes_good_ >= settings_.probes)
    close(now);
}

// --- operators ---------------------------------------------------------------

void breaker::force(breaker_state state, mono_time until) {
  TROUPE_ASSERT(state != breaker_state::half_open);
  forced_state_ = state;
  forced_until_ = until;
}

void breaker::reset(mono_time now) {
  forced_until_ = {};
  paused_until_ = {};
  openings_ = 0;
  baseline_.clear();
  if (state_ != breaker_state::closed)
    return close(now);
  window_.clear();
  closed_since_ = now;
  ++round_; // Calls under way say nothing about the time after.
}

breaker_state breaker::state(mono_time now) {
  advance(now);
  return forced(now) ? forced_state_ : state_;
}

breaker_snapshot breaker::snapshot(mono_time now) {
  breaker_snapshot out{.state = state(now),
                       .cause = forced(now) ? breaker_cause::forced : cause_,
                       .calls = window_.calls(),
                       .failed = window_.failed(),
                       .slow = window_.slow(),
                       .openings = healthy(now) ? 0 : openings_,
                       .probes_out = static_cast<uint32_t>(probes_out_.size()),
                       .probes_good = probes_good_,
                       .first_token_p95 = baseline_.p95(),
                       .transitions = transitions_};
  if (state_ == breaker_state::open)
    out.next_probe = open_until_;
  if (now < paused_until_)
    out.paused_until = paused_until_;
  if (forced(now))
    out.forced_until = forced_until_;
  if (now < paused_until_ && out.cause == breaker_cause::none)
    out.cause = breaker_cause::paused;
  return out;
}

} // namespace troupe::runtime
