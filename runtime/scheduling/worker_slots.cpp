#include "runtime/scheduling/worker_slots.hpp"

#include <algorithm>
#include <utility>

namespace troupe::runtime {

bool worker_slots::add(const std::string& worker, uint64_t generation,
                       uint32_t slots) {
  auto& w = workers_[worker];
  if (w.generation > generation)
    return false;
  w = worker_state{.generation = generation, .slots = slots};
  return true;
}

std::optional<worker_slots::attempts>
worker_slots::remove(const std::string& worker, uint64_t generation) {
  auto it = workers_.find(worker);
  if (it == workers_.end() || it->second.generation > generation)
    return std::nullopt;
  auto running = std::move(it->second.running);
  workers_.erase(it);
  return running;
}

std::optional<std::string> worker_slots::reserve(bool alone) {
  auto best = workers_.end();
  for (auto it = workers_.begin(); it != workers_.end(); ++it) {
    const auto& w = it->second;
    bool fits = alone ? w.held == 0 && w.load() == 0 && w.slots > 0 : w.open();
    if (fits && (best == workers_.end() || w.load() < best->second.load()))
      best = it;
  }
  if (best == workers_.end()) {
    if (alone)
      keep_one_free();
    return std::nullopt;
  }
  ++best->second.reserved;
  best->second.exclusive = alone;
  return best->first;
}

void worker_slots::keep_one_free() {
  worker_state* least = nullptr;
  for (auto& [name, w] : workers_) {
    if (w.exclusive && w.held == 0)
      return;
    if (w.held == 0 && (least == nullptr || w.load() < least->load()))
      least = &w;
  }
  if (least != nullptr)
    least->exclusive = true;
}

void worker_slots::release(const std::string& worker) {
  auto it = workers_.find(worker);
  if (it == workers_.end() || it->second.reserved == 0)
    return;
  --it->second.reserved;
  if (it->second.load() == 0)
    it->second.exclusive = false;
}

void worker_slots::occupy(const std::string& worker, attempt_id id,
                          const running_attempt& what) {
  auto it = workers_.find(worker);
  if (it == workers_.end())
    return;
  if (it->second.reserved > 0)
    --it->second.reserved;
  it->second.running.insert_or_assign(id, what);
}

std::optional<running_attempt> worker_slots::vacate(const std::string& worker,
                                                    attempt_id id) {
  auto it = workers_.find(worker);
  if (it == workers_.end())
    return std::nullopt;
  auto node = it->second.running.extract(id);
  if (node.empty())
    return std::nullopt;
  if (it->second.load() == 0)
    it->second.exclusive = false;
  return node.mapped();
}

void worker_slots::hold(const std::string& worker, worker_hold why, bool on) {
  auto it = workers_.find(worker);
  if (it == workers_.end())
    return;
  auto bit = static_cast<uint8_t>(why);
  auto& held = it->second.held;
  held = static_cast<uint8_t>(on ? held | bit : held & ~bit);
}

std::optional<size_t> worker_slots::load(const std::string& worker) const {
  auto it = workers_.find(worker);
  if (it == workers_.end())
    return std::nullopt;
  return it->second.load();
}

uint32_t worker_slots::total() const noexcept {
  uint32_t n = 0;
  for (const auto& [name, w] : workers_)
    n += w.held == 0 ? w.slots : 0;
  return n;
}

uint32_t worker_slots::workers() const noexcept {
  uint32_t n = 0;
  for (const auto& [name, w] : workers_)
    n += w.held == 0 ? 1 : 0;
  return n;
}

size_t worker_slots::busy() const noexcept {
  size_t n = 0;
  for (const auto& [name, w] : workers_)
    n += w.load();
  return n;
}

uint32_t worker_slots::free() const noexcept {
  size_t n = 0;
  for (const auto& [name, w] : workers_)
    n += w.open() ? w.slots - w.load() : 0;
  return static_cast<uint32_t>(n);
}

} // namespace troupe::runtime
