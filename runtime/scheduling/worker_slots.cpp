#include "runtime/scheduling/worker_slots.hpp"

#include "runtime/scheduling/lease_ahead.hpp"

#include <utility>

namespace troupe::runtime {

bool worker_slots::add(const std::string& worker, uint64_t generation,
                       uint32_t slots) {
  auto [it, fresh] = workers_.try_emplace(worker);
  auto& w = it->second;
  if (w.generation > generation)
    return false;
  if (!fresh)
    count(w, -1);
  w = worker_state{.generation = generation,
                   .slots = slots,
                   .ahead = lease_ahead::ahead(slots, lead_)};
  count(w, 1);
  return true;
}

std::optional<worker_slots::attempts>
worker_slots::remove(const std::string& worker, uint64_t generation) {
  auto it = workers_.find(worker);
  if (it == workers_.end() || it->second.generation > generation)
    return std::nullopt;
  count(it->second, -1);
  auto running = std::move(it->second.running);
  workers_.erase(it);
  return running;
}

/// A free slot before a place to wait, then the least load.
bool worker_slots::worker_state::goes_before(
  const worker_state& other) const noexcept {
  bool waits = load() >= slots;
  bool other_waits = other.load() >= other.slots;
  if (waits != other_waits)
    return !waits;
  return waits ? load() - slots < other.load() - other.slots
               : load() < other.load();
}

std::optional<worker_slots::place> worker_slots::reserve(bool alone) {
  auto best = workers_.end();
  for (auto it = workers_.begin(); it != workers_.end(); ++it) {
    const auto& w = it->second;
    bool fits =
      alone ? w.held == 0 && w.load() == 0 && w.slots > 0 : w.room() > 0;
    if (fits && (best == workers_.end() || w.goes_before(best->second)))
      best = it;
  }
  if (best == workers_.end()) {
    if (alone)
      keep_one_free();
    return std::nullopt;
  }
  auto& w = best->second;
  count(w, -1);
  ++w.reserved;
  w.exclusive = alone;
  count(w, 1);
  return place{.worker = best->first, .generation = w.generation};
}

void worker_slots::keep_one_free() {
  worker_state* least = nullptr;
  for (auto& [name, w] : workers_) {
    if (w.exclusive && w.held == 0)
      return;
    if (w.held == 0 && (least == nullptr || w.load() < least->load()))
      least = &w;
  }
  if (least == nullptr)
    return;
  count(*least, -1);
  least->exclusive = true;
  count(*least, 1);
}

/// After a place was given back; the worker is out of the sums.
void worker_slots::settle(worker_state& w) {
  if (w.load() == 0)
    w.exclusive = false;
  count(w, 1);
}

void worker_slots::release(const std::string& worker) {
  auto it = workers_.find(worker);
  if (it == workers_.end() || it->second.reserved == 0)
    return;
  count(it->second, -1);
  --it->second.reserved;
  settle(it->second);
}

void worker_slots::occupy(const std::string& worker, attempt_id id,
                          running_attempt what) {
  auto it = workers_.find(worker);
  if (it == workers_.end())
    return;
  auto& w = it->second;
  count(w, -1);
  if (w.reserved > 0)
    --w.reserved;
  auto old = w.running.find(id);
  bool fresh = old == w.running.end();
  if (fresh) {
    what.waits = w.running.size() - w.waiting >= w.slots;
    w.waiting += what.waits ? 1 : 0;
    w.running.emplace(id, what);
  } else {
    what.waits = old->second.waits;
    old->second = what;
  }
  count(w, 1);
}

void worker_slots::started(const std::string& worker, attempt_id id,
                           mono_time now) {
  auto it = workers_.find(worker);
  if (it == workers_.end())
    return;
  auto what = it->second.running.find(id);
  if (what == it->second.running.end())
    return;
  // What it was asked while it waited found nobody.
  what->second.leaves = false;
  what->second.since = now;
  it->second.waiting -= what->second.waits ? 1 : 0;
  what->second.waits = false;
}

void worker_slots::seat_waiting(const std::string& worker, mono_time now) {
  auto it = workers_.find(worker);
  if (it == workers_.end())
    return;
  auto& w = it->second;
  while (w.waiting > 0 && w.running.size() - w.waiting < w.slots) {
    auto first = w.running.end();
    for (auto x = w.running.begin(); x != w.running.end(); ++x)
      if (x->second.waits
          && (first == w.running.end()
              || std::pair{x->second.key, x->first}
                   < std::pair{first->second.key, first->first}))
        first = x;
    first->second.waits = false;
    first->second.since = now;
    --w.waiting;
  }
}

std::optional<running_attempt> worker_slots::vacate(const std::string& worker,
                                                    attempt_id id) {
  auto it = workers_.find(worker);
  if (it == workers_.end())
    return std::nullopt;
  auto& w = it->second;
  auto node = w.running.find(id);
  if (node == w.running.end())
    return std::nullopt;
  count(w, -1);
  auto what = node->second;
  w.waiting -= what.waits ? 1 : 0;
  w.running.erase(node);
  settle(w);
  return what;
}

size_t worker_slots::free_at(const std::string& worker) const {
  auto it = workers_.find(worker);
  return it == workers_.end() || it->second.exclusive ? 0 : it->second.free();
}

void worker_slots::mark_leaving(const std::string& worker, attempt_id id,
                                mono_time now) {
  auto it = workers_.find(worker);
  if (it == workers_.end())
    return;
  auto what = it->second.running.find(id);
  if (what == it->second.running.end())
    return;
  what->second.leaves = true;
  what->second.asked = now;
}

void worker_slots::return_to(const std::string& worker, attempt_id id,
                             const running_attempt& what) {
  auto it = workers_.find(worker);
  if (it == workers_.end())
    return;
  count(it->second, -1);
  it->second.running.insert_or_assign(id, what);
  count(it->second, 1);
}

void worker_slots::hold(const std::string& worker, worker_hold why, bool on) {
  auto it = workers_.find(worker);
  if (it == workers_.end())
    return;
  auto bit = static_cast<uint8_t>(why);
  auto& held = it->second.held;
  count(it->second, -1);
  held = static_cast<uint8_t>(on ? held | bit : held & ~bit);
  count(it->second, 1);
}

std::optional<size_t> worker_slots::load(const std::string& worker) const {
  auto it = workers_.find(worker);
  if (it == workers_.end())
    return std::nullopt;
  return it->second.load();
}

std::optional<uint64_t>
worker_slots::generation(const std::string& worker) const {
  auto it = workers_.find(worker);
  if (it == workers_.end())
    return std::nullopt;
  return it->second.generation;
}

void worker_slots::set_lead(double ratio) {
  if (ratio == lead_)
    return;
  lead_ = ratio;
  for (auto& [name, w] : workers_) {
    count(w, -1);
    w.ahead = lease_ahead::ahead(w.slots, ratio);
    count(w, 1);
  }
}

void worker_slots::count(const worker_state& w, int64_t sign) noexcept {
  sum_.busy += sign * static_cast<int64_t>(w.load());
  sum_.room += sign * static_cast<int64_t>(w.room());
  if (w.held != 0)
    return;
  sum_.slots += sign * static_cast<int64_t>(w.slots);
  sum_.ahead += sign * static_cast<int64_t>(w.ahead);
  sum_.workers += sign;
  if (w.open())
    sum_.free += sign * static_cast<int64_t>(w.free());
}

} // namespace troupe::runtime
