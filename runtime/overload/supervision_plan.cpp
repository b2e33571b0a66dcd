#include "runtime/overload/supervision_plan.hpp"

#include <algorithm>
#include <utility>

namespace troupe::runtime {
namespace {

using kind = supervision_action::kind;

bool is_dying(child_state s) noexcept {
  return s == child_state::stopping || s == child_state::killed;
}

bool is_alive(child_state s) noexcept {
  return s == child_state::starting || s == child_state::running || is_dying(s);
}

} // namespace

std::string_view to_string(child_state state) noexcept {
  switch (state) {
    case child_state::down:
      return "down";
    case child_state::starting:
      return "starting";
    case child_state::running:
      return "running";
    case child_state::stopping:
      return "stopping";
    case child_state::killed:
      return "killed";
    case child_state::finished:
      return "finished";
    case child_state::quarantined:
      return "quarantined";
    case child_state::abandoned:
      return "abandoned";
    case child_state::dormant:
      return "dormant";
  }
  return "unknown";
}

supervision_plan::supervision_plan(supervision_strategy strategy,
                                   restart_intensity intensity,
                                   std::vector<child_spec> children)
  : strategy_{strategy}, window_{intensity}, specs_{std::move(children)} {
  slots_.reserve(specs_.size());
  for (const auto& spec : specs_)
    slots_.push_back(
      {.state = spec.dormant ? child_state::dormant : child_state::down,
       .generation = spec.generation,
       .window = restart_window{spec.intensity},
       .backoff = restart_backoff{spec.backoff}});
}

supervision_actions supervision_plan::start(mono_time now) {
  supervision_actions out;
  started_ = true;
  settle(now, out);
  return out;
}

// --- reports ----------------------------------------------------------------

supervision_actions
supervision_plan::child_started(size_t i, uint64_t generation, mono_time now) {
  supervision_actions out;
  if (!current(i, generation))
    return out;
  auto& s = slots_[i];
  // A stop that was decided meanwhile stands.
  if (s.state != child_state::starting)
    return out;
  s.state = child_state::running;
  s.backoff.started(now);
  settle(now, out);
  return out;
}

supervision_actions supervision_plan::child_down(size_t i, uint64_t generation,
                                                 exit_kind how, mono_time now,
                                                 double random) {
  supervision_actions out;
  if (!current(i, generation))
    return out;
  auto& s = slots_[i];
  const auto& spec = specs_[i];
  if (is_dying(s.state) || stopping_)
    went_down(i, now);
  else if (!calls_for_restart(spec.mode, how))
    end_for_good(i);
  else if (s.recycle)
    went_down(i, now); // Its group's restart is charged already.
  else if (!draining_)
    decide_restart(i, now, random, out);
  else if (spec.essential && how == exit_kind::crash)
    escalate(i, out);
  else
    end_for_good(i);
  settle(now, out);
  return out;
}

supervision_actions supervision_plan::timer(mono_time now) {
  supervision_actions out;
  for (auto i = slots_.size(); i-- > 0;) {
    auto& s = slots_[i];
    if (!is_dying(s.state) || s.due > now)
      continue;
    if (s.state == child_state::killed) {
      abandon(i, now, out);
      continue;
    }
    s.state = child_state::killed;
    s.due = now + kill_grace;
    emit(kind::kill_child, i, out);
  }
  settle(now, out);
  return out;
}

// --- requests ---------------------------------------------------------------

void supervision_plan::drain() noexcept {
  draining_ = true;
  for (auto& s : slots_)
    if (!is_dying(s.state))
      s.recycle = false;
}

supervision_actions supervision_plan::stop(mono_time now) {
  supervision_actions out;
  stopping_ = true;
  settle(now, out);
  return out;
}

supervision_actions supervision_plan::release(size_t i, mono_time now) {
  supervision_actions out;
  auto& s = slots_.at(i);
  if (s.state != child_state::quarantined || draining_ || stopping_)
    return out;
  s.window.clear();
  s.backoff.reset();
  s.restarts = 0;
  s.state = child_state::down;
  s.due = now;
  recycle_group(i, now);
  settle(now, out);
  return out;
}

supervision_actions supervision_plan::wake(size_t i, mono_time now) {
  supervision_actions out;
  auto& s = slots_.at(i);
  if (s.state != child_state::dormant || draining_ || stopping_)
    return out;
  s.state = child_state::down;
  s.due = now;
  settle(now, out);
  return out;
}

supervision_actions supervision_plan::rest(size_t i, mono_time now) {
  supervision_actions out;
  auto& s = slots_.at(i);
  if (s.state == child_state::down || s.state == child_state::quarantined) {
    lie_down(i);
  } else if (is_alive(s.state)) {
    s.rests = true;
    if (!is_dying(s.state))
      ask_to_stop(i, now, out);
  }
  settle(now, out);
  return out;
}

std::optional<mono_time> supervision_plan::next_timer() const noexcept {
  std::optional<mono_time> next;
  auto at = [&next](mono_time t) { next = next ? std::min(*next, t) : t; };
  auto busy = false; // A group waits for an answer, not for a time.
  for (const auto& s : slots_) {
    if (is_dying(s.state) && s.due != mono_time::max())
      at(s.due);
    busy = busy || is_dying(s.state) || s.state == child_state::starting;
  }
  if (!started_ || draining_ || stopping_ || (grouped() && busy))
    return next;
  for (const auto& s : slots_) {
    if (s.state != child_state::down)
      continue;
    at(grouped() ? std::max(s.due, hold_until_) : s.due);
    if (grouped())
      break;
  }
  return next;
}

// --- decisions --------------------------------------------------------------

bool supervision_plan::current(size_t i, uint64_t generation) noexcept {
  if (i < slots_.size() && slots_[i].generation == generation
      && is_alive(slots_[i].state))
    return true;
  ++stale_events_;
  return false;
}

void supervision_plan::emit(kind what, size_t i, supervision_actions& out,
                            duration deadline) const {
  out.push_back({.what = what,
                 .child = i,
                 .generation = slots_[i].generation,
                 .deadline = deadline});
}

void supervision_plan::decide_restart(size_t i, mono_time now, double random,
                                      supervision_actions& out) {
  auto& s = slots_[i];
  auto at = now + s.backoff.next_delay(now, random);
  if (!s.window.permits(at) || !window_.permits(at)) {
    give_up(i, now, out);
    return;
  }
  s.window.grant(at, now);
  window_.grant(at, now);
  ++s.restarts;
  s.state = child_state::down;
  s.due = at;
  recycle_group(i, at);
}

void supervision_plan::give_up(size_t i, mono_time now,
                               supervision_actions& out) {
  if (specs_[i].essential) {
    escalate(i, out);
    return;
  }
  slots_[i].state = child_state::quarantined;
  emit(kind::quarantine_child, i, out);
  recycle_group(i, now);
}

void supervision_plan::escalate(size_t i, supervision_actions& out) {
  end_for_good(i);
  escalated_ = true;
  stopping_ = true;
  emit(kind::escalate, i, out);
}

void supervision_plan::recycle_group(size_t i, mono_time due) noexcept {
  if (!grouped())
    return;
  hold_until_ = std::max(hold_until_, due);
  auto first = strategy_ == supervision_strategy::one_for_all ? 0 : i;
  for (auto k = first; k < slots_.size(); ++k)
    slots_[k].recycle = k != i && is_alive(slots_[k].state);
}

void supervision_plan::went_down(size_t i, mono_time now) noexcept {
  auto& s = slots_[i];
  auto again = s.recycle && !stopping_ && !draining_
               && specs_[i].mode != restart_mode::temporary;
  s.backoff.stopped(now);
  if (s.rests && !stopping_)
    return lie_down(i);
  s.recycle = false;
  s.state = again ? child_state::down : child_state::finished;
  s.due = mono_time{};
}

void supervision_plan::lie_down(size_t i) noexcept {
  auto& s = slots_[i];
  s.rests = false;
  s.recycle = false;
  s.window.clear();
  s.backoff.reset();
  s.state = child_state::dormant;
  s.due = mono_time{};
}

void supervision_plan::end_for_good(size_t i) noexcept {
  slots_[i].recycle = false;
  slots_[i].state = child_state::finished;
}

void supervision_plan::abandon(size_t i, mono_time now,
                               supervision_actions& out) {
  emit(kind::abandon_child, i, out);
  if (!stopping_ && specs_[i].essential) {
    // Two of an essential child would both own what it owns.
    escalate(i, out);
    slots_[i].state = child_state::abandoned;
    return;
  }
  went_down(i, now);
  if (slots_[i].state == child_state::finished)
    slots_[i].state = child_state::abandoned;
}

void supervision_plan::settle(mono_time now, supervision_actions& out) {
  if (finished_ || stop_last(now, out))
    return;
  if (!stopping_) {
    start_due(now, out);
    return;
  }
  for (auto& s : slots_)
    if (s.state == child_state::down)
      s.state = child_state::finished;
  finished_ = true;
  out.push_back({.what = kind::finished});
}

// Asks the last child that must go; true while one is awaited.
bool supervision_plan::stop_last(mono_time now, supervision_actions& out) {
  for (auto i = slots_.size(); i-- > 0;) {
    auto& s = slots_[i];
    if (!is_alive(s.state) || !(stopping_ || s.recycle))
      continue;
    if (!is_dying(s.state))
      ask_to_stop(i, now, out);
    return true;
  }
  return false;
}

void supervision_plan::ask_to_stop(size_t i, mono_time now,
                                   supervision_actions& out) {
  auto& s = slots_[i];
  auto deadline = specs_[i].stop_deadline;
  s.state = child_state::stopping;
  s.due = deadline > duration{0} ? now + deadline : mono_time::max();
  emit(kind::stop_child, i, out, deadline);
}

void supervision_plan::start_due(mono_time now, supervision_actions& out) {
  if (!started_ || draining_ || (grouped() && now < hold_until_))
    return;
  for (size_t i = 0; i < slots_.size(); ++i) {
    auto& s = slots_[i];
    if (s.state == child_state::down && s.due <= now) {
      s.state = child_state::starting;
      ++s.generation;
      emit(kind::start_child, i, out);
    }
    // In a group each start waits for the one before it.
    if (grouped()
        && (s.state == child_state::starting || s.state == child_state::down))
      return;
  }
}

} // namespace troupe::runtime
