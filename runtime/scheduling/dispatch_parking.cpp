// The dispatcher's choice of what leaves a slot, and of what returns to one.
#include "runtime/scheduling/dispatch_core.hpp"

#include <algorithm>

namespace troupe::runtime {

std::vector<resume_wish> dispatch_core::resume(mono_time now, bool rest) {
  std::vector<resume_wish> wishes;
  auto goes_first = [&](const parked_attempts::entry& x) {
    auto head = gate_.first();
    return rest || !head || (head->on_time && x.key < head->key);
  };
  for (bool more = !parked_.empty(); more;) {
    more = false;
    for (const auto& x : parked_.firsts()) {
      if (slots_.free_at(x.worker) == 0 || !goes_first(x))
        continue;
      auto what = *parked_.take(x.worker, x.id);
      what.since = now;
      slots_.return_to(x.worker, x.id, what);
      wishes.push_back({.worker = x.worker, .id = x.id});
      more = true;
    }
  }
  return wishes;
}

std::vector<park_wish> dispatch_core::preempt(mono_time now) {
  park_due_ = std::nullopt;
  std::vector<park_wish> wishes;
  if (!settings_.preemption.enabled || switch_costs_.empty()
      || slots_.free() > 0)
    return wishes;
  if (searched_at_ && now - *searched_at_ < search_interval) {
    park_due_ = *searched_at_ + search_interval;
    return wishes;
  }
  searched_at_ = now;
  std::vector<victim> victims;
  size_t under_way = 0;
  slots_.each_open(
    [&](const std::string& worker, const worker_slots::attempts& running) {
      if (auto x = victim_at(worker, running, now, under_way))
        victims.push_back(std::move(*x));
    });
  std::sort(victims.begin(), victims.end(),
            [](const victim& a, const victim& b) { return a.key > b.key; });
  // Each slot that gets free is for one job of the queue, which must be worth it.
  auto keys = victims.empty() ? std::vector<int64_t>{}
                              : least_keys(under_way + victims.size());
  auto next = under_way;
  for (auto& x : victims) {
    if (!x.for_line) {
      if (next >= keys.size() || keys[next] >= x.key - x.cost.count())
        continue;
      ++next;
    }
    slots_.mark_leaving(x.wish.worker, x.wish.id, now);
    wishes.push_back(std::move(x.wish));
  }
  return wishes;
}

std::vector<int64_t> dispatch_core::least_keys(size_t count) const {
  std::vector<int64_t> keys;
  if (auto first = gate_.first(); count == 1) {
    if (first)
      keys.push_back(first->key);
    return keys;
  }
  for (const auto& [id, k] : heads_)
    if (!k.head.alone)
      keys.push_back(k.head.key);
  auto end =
    keys.begin() + static_cast<std::ptrdiff_t>(std::min(count, keys.size()));
  std::partial_sort(keys.begin(), end, keys.end());
  keys.erase(end, keys.end());
  return keys;
}

/// At most one at a time: each is seen to be gone before the next is asked. One
/// that was not at its worker yet did not hear of it, and is asked again.
std::optional<dispatch_core::victim>
dispatch_core::victim_at(const std::string& worker,
                         const worker_slots::attempts& running, mono_time now,
                         size_t& under_way) {
  auto cost = switch_costs_.find(worker);
  if (cost == switch_costs_.end())
    return std::nullopt;
  std::optional<int64_t> line;
  std::vector<attempt_id> ids;
  std::vector<park_candidate> candidates;
  auto parked = static_cast<uint32_t>(parked_.at(worker));
  for (const auto& [id, what] : running) {
    if (what.leaves && now < what.asked + settings_.lease_timeout) {
      ++under_way;
      return std::nullopt;
    }
    if (what.waits) {
      line = std::min(what.key, line.value_or(what.key));
      continue;
    }
    ids.push_back(id);
    candidates.push_back({.key = what.key,
                          .held = now - what.since,
                          .done_s = what.done_s(now - what.since),
                          .predicted_s = what.work_s,
                          .can_park = true,
                          .parked_beside = parked});
  }
  auto head = gate_.first();
  if (!line && !head)
    return std::nullopt;
  auto key = head ? head->key : *line;
  if (line)
    key = std::min(key, *line);
  auto choice =
    choose_victim(key, cost->second, candidates, settings_.preemption);
  if (!choice) {
    note_park_due(key, cost->second, candidates, now);
    return std::nullopt;
  }
  auto found = candidates[choice->victim].key;
  return victim{.wish = {.worker = worker,
                         .id = ids[choice->victim],
                         .keep_cache = choice->keep_cache},
                .key = found,
                .cost = cost->second,
                .for_line = line && *line <= key};
}

/// When one of them has held its slot for long enough.
void dispatch_core::note_park_due(int64_t key, duration cost,
                                  std::span<park_candidate> candidates,
                                  mono_time now) {
  auto slice = settings_.preemption.slice;
  for (auto& x : candidates) {
    auto wait = slice - x.held;
    if (wait <= duration{0})
      continue;
    x.held = slice;
    if (choose_victim(key, cost, {&x, 1}, settings_.preemption))
      park_due_ = std::min(now + wait, park_due_.value_or(mono_time::max()));
  }
}

void dispatch_core::parked(const std::string& worker, attempt_id attempt,
                           int64_t key, mono_time now) {
  if (!slots_.generation(worker))
    return;
  auto what = slots_.vacate(worker, attempt);
  if (!what)
    what = parked_.take(worker, attempt);
  if (!what)
    what = running_attempt{.since = now, .key = key};
  if (what->since != mono_time{})
    what->before += now - what->since;
  what->since = {};
  what->leaves = false;
  what->waits = false;
  parked_.add(worker, attempt, *what);
}

} // namespace troupe::runtime
