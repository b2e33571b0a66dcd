#include "runtime/scheduling/dispatch_core.hpp"

#include <algorithm>

namespace troupe::runtime {

void dispatch_core::announce(shard_id shard,
                             std::vector<announced_head> heads) {
  auto& known = heads_[shard];
  for (const auto& [id, head] : known)
    order_.erase({head.key, id, shard});
  known.clear();
  for (auto& head : heads) {
    // Announced before the shard saw the order that is under way.
    if (pending_.contains(head.id))
      continue;
    order_.insert({head.key, head.id, shard});
    known.emplace(head.id, head);
  }
}

std::vector<attempt_id>
dispatch_core::register_worker(const std::string& worker, uint64_t generation,
                               uint32_t slots,
                               std::vector<attempt_id> running) {
  auto it = workers_.find(worker);
  if (it != workers_.end() && it->second.generation > generation)
    return {};
  bool older = it != workers_.end() && it->second.generation < generation;
  auto previous = withdraw(worker, generation);
  auto& fresh = workers_[worker];
  fresh = worker_state{.generation = generation, .slots = slots};
  fresh.running.insert(running.begin(), running.end());
  return older ? previous : std::vector<attempt_id>{};
}

std::vector<attempt_id> dispatch_core::withdraw(const std::string& worker,
                                                uint64_t generation) {
  auto it = workers_.find(worker);
  if (it == workers_.end() || it->second.generation > generation)
    return {};
  std::vector<attempt_id> lost{it->second.running.begin(),
                               it->second.running.end()};
  workers_.erase(it);
  std::erase_if(pending_, [&](const auto& item) {
    if (item.second.order.worker != worker)
      return false;
    put_back(item.second);
    return true;
  });
  return lost;
}

std::vector<lease_order> dispatch_core::pick(mono_time now) {
  expire_orders(now);
  std::vector<lease_order> orders;
  for (auto it = order_.begin(); it != order_.end();) {
    auto& known = heads_[it->shard];
    auto head = known.at(it->id);
    std::string name;
    auto* worker = place(head, name);
    if (worker == nullptr) {
      // A job that waits for an idle worker holds nobody else back.
      if (!head.alone)
        break;
      ++it;
      continue;
    }
    lease_order order{.shard = it->shard,
                      .job = head.id,
                      .after_attempt = head.attempt,
                      .worker = name};
    ++worker->pending;
    worker->exclusive = head.alone;
    pending_[head.id] = {order, head, now + timeout_};
    orders.push_back(std::move(order));
    known.erase(it->id);
    it = order_.erase(it);
  }
  return orders;
}

dispatch_core::worker_state* dispatch_core::place(const announced_head& head,
                                                  std::string& name) {
  worker_state* best = nullptr;
  auto load = [](const worker_state& w) {
    return w.pending + w.running.size();
  };
  for (auto& [key, worker] : workers_) {
    bool fits = head.alone ? worker.idle() : worker.open();
    if (fits && (best == nullptr || load(worker) < load(*best))) {
      best = &worker;
      name = key;
    }
  }
  if (best == nullptr && head.alone) {
    // Keep the least loaded worker free until it is idle, one at a time.
    worker_state* least = nullptr;
    for (auto& [key, worker] : workers_) {
      if (worker.exclusive)
        return nullptr;
      if (least == nullptr || load(worker) < load(*least))
        least = &worker;
    }
    if (least != nullptr)
      least->exclusive = true;
  }
  return best;
}

void dispatch_core::granted(job_id job, attempt_id attempt) {
  auto it = pending_.find(job);
  if (it == pending_.end())
    return;
  if (auto w = workers_.find(it->second.order.worker); w != workers_.end()) {
    --w->second.pending;
    w->second.running.insert(attempt);
  }
  pending_.erase(it);
}

void dispatch_core::refused(job_id job) {
  drop_order(job);
}

void dispatch_core::freed(const std::string& worker, attempt_id attempt) {
  auto it = workers_.find(worker);
  if (it == workers_.end())
    return;
  if (it->second.running.erase(attempt) == 0) {
    // It ended before the shard's answer came: that answer will find no order.
    if (auto p = pending_.find(attempt.job);
        p != pending_.end() && p->second.order.worker == worker
        && p->second.order.after_attempt + 1 == attempt.attempt)
      drop_order(attempt.job);
    return;
  }
  if (it->second.idle())
    it->second.exclusive = false;
}

uint32_t dispatch_core::slots_total() const noexcept {
  uint32_t n = 0;
  for (const auto& [name, w] : workers_)
    n += w.slots;
  return n;
}

uint32_t dispatch_core::slots_free() const noexcept {
  size_t n = 0;
  for (const auto& [name, w] : workers_)
    n += w.open() ? w.slots - w.pending - w.running.size() : 0;
  return static_cast<uint32_t>(n);
}

std::optional<mono_time> dispatch_core::next_due() const {
  std::optional<mono_time> due;
  for (const auto& [id, p] : pending_)
    if (!due || p.expires < *due)
      due = p.expires;
  return due;
}

void dispatch_core::drop_order(job_id job) {
  auto it = pending_.find(job);
  if (it == pending_.end())
    return;
  if (auto w = workers_.find(it->second.order.worker); w != workers_.end()) {
    --w->second.pending;
    if (w->second.idle())
      w->second.exclusive = false;
  }
  pending_.erase(it);
}

void dispatch_core::expire_orders(mono_time now) {
  std::vector<job_id> late;
  for (const auto& [id, p] : pending_)
    if (p.expires <= now)
      late.push_back(id);
  for (auto id : late) {
    auto order = pending_.at(id);
    drop_order(id);
    put_back(order);
  }
}

void dispatch_core::put_back(const pending_order& p) {
  heads_[p.order.shard].emplace(p.order.job, p.head);
  order_.insert({p.head.key, p.order.job, p.order.shard});
}

} // namespace troupe::runtime
