#include "runtime/scheduling/pool_moves.hpp"

#include <utility>

namespace troupe::runtime {
namespace {

using kind = pool_step::kind;

/// The core's name for a slot; only compared, and parsed back here.
std::string name_of(size_t slot) {
  return std::to_string(slot);
}

bool leaves(slot_phase phase) noexcept {
  return phase == slot_phase::draining || phase == slot_phase::yielding
         || phase == slot_phase::resting;
}

} // namespace

std::vector<pool_step>
pool_moves::tick(mono_time now, std::span<const pool_model> models,
                 const std::map<std::string, double>& speeds, bool hold) {
  if (!hold && !moving()) {
    std::vector<pool_worker> workers;
    for (size_t i = 0; i < roster_->size(); ++i) {
      auto s = roster_->at(i);
      auto speed = speeds.find(s.model);
      workers.push_back({.worker = name_of(i),
                         .model = s.model,
                         .speed = speed == speeds.end() ? 1 : speed->second,
                         .loading = s.phase == slot_phase::loading});
    }
    auto decision = core_.decide(now, models, workers);
    if (decision.moves())
      begin(now, decision);
  }
  std::vector<pool_step> steps;
  for (size_t i = 0; i < roster_->size(); ++i) {
    auto s = roster_->at(i);
    if (s.phase == slot_phase::draining && now - s.since >= drain_max_) {
      s.phase = slot_phase::yielding;
      roster_->set(i, s);
    }
    if (s.phase == slot_phase::yielding)
      steps.push_back({kind::yield, i, s.model});
    if (s.phase == slot_phase::draining || s.phase == slot_phase::yielding)
      steps.push_back({kind::drain, i, s.model});
    if (s.phase == slot_phase::resting)
      steps.push_back({kind::rest, i, s.model});
    if (s.phase == slot_phase::loading)
      steps.push_back({kind::wake, i, s.model});
  }
  return steps;
}

void pool_moves::begin(mono_time now, const allocator_decision& decision) {
  auto slot = static_cast<size_t>(std::stoul(decision.worker));
  auto s = roster_->at(slot);
  s.since = now;
  s.timed = true;
  s.failures = 0;
  if (s.phase == slot_phase::idle) {
    s.model = decision.to;
    s.phase = slot_phase::loading;
  } else {
    s.next = decision.to;
    s.phase = slot_phase::draining;
  }
  roster_->set(slot, s);
  move_ = pool_move{slot, decision};
}

std::optional<pool_move> pool_moves::take_move() {
  return std::exchange(move_, std::nullopt);
}

bool pool_moves::moving() const {
  for (size_t i = 0; i < roster_->size(); ++i)
    if (leaves(roster_->at(i).phase))
      return true;
  return false;
}

void pool_moves::drained(size_t slot, const std::string& model,
                         size_t running) {
  auto s = roster_->at(slot);
  if (s.model != model || running > 0
      || (s.phase != slot_phase::draining && s.phase != slot_phase::yielding))
    return;
  s.phase = slot_phase::resting;
  roster_->set(slot, s);
}

std::optional<pool_step>
pool_moves::rested(size_t slot, const std::string& model, mono_time now) {
  auto s = roster_->at(slot);
  if (s.model != model || s.phase != slot_phase::resting)
    return std::nullopt;
  s.model = std::exchange(s.next, {});
  s.phase = s.model.empty() ? slot_phase::idle : slot_phase::loading;
  s.failures = 0;
  if (s.model.empty())
    s = {.since = now};
  roster_->set(slot, s);
  if (s.model.empty())
    return std::nullopt;
  return pool_step{kind::wake, slot, s.model};
}

std::optional<pool_load>
pool_moves::ready(size_t slot, const std::string& model, mono_time now) {
  auto s = roster_->at(slot);
  if (s.model != model || s.phase != slot_phase::loading)
    return std::nullopt;
  std::optional<pool_load> load;
  if (s.timed) {
    load = pool_load{model, now - s.since};
    core_.load_finished(model, load->took);
  }
  s.phase = slot_phase::serving;
  s.timed = false;
  s.failures = 0;
  roster_->set(slot, s);
  return load;
}

void pool_moves::died(size_t slot, const std::string& model, mono_time now) {
  auto s = roster_->at(slot);
  if (s.model != model)
    return;
  if (s.phase == slot_phase::serving) {
    s.phase = slot_phase::loading;
    s.since = now;
  } else if (s.phase == slot_phase::loading) {
    core_.load_failed(model, now);
    // What fails again and again is of more use to another model.
    if (++s.failures >= limits_.failed_loads)
      s.phase = slot_phase::resting;
  } else if (s.phase == slot_phase::draining
             || s.phase == slot_phase::yielding) {
    s.phase = slot_phase::resting; // Nothing runs there any more.
  }
  roster_->set(slot, s);
}

pool_moves::head_count pool_moves::count(const std::string& model) const {
  head_count n;
  for (size_t i = 0; i < roster_->size(); ++i) {
    auto s = roster_->at(i);
    if (s.model != model)
      continue;
    n.loading += s.phase == slot_phase::loading ? 1 : 0;
    n.ready += s.phase == slot_phase::serving ? 1 : 0;
    n.draining += leaves(s.phase) ? 1 : 0;
  }
  return n;
}

} // namespace troupe::runtime
