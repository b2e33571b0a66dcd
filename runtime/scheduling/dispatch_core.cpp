#include "runtime/scheduling/dispatch_core.hpp"

#include <algorithm>

namespace troupe::runtime {
namespace {

double seconds(duration d) noexcept {
  return std::chrono::duration<double>(d).count();
}

/// Limits are computed anew for each announcement: some microseconds are noise.
bool about_equal(mono_time a, mono_time b) noexcept {
  constexpr duration noise = std::chrono::milliseconds{10};
  if (a == mono_time::max() || b == mono_time::max())
    return a == b;
  return a < b ? b - a < noise : a - b < noise;
}

} // namespace

// --- what shards say --------------------------------------------------------

void dispatch_core::announce(shard_id shard,
                             const std::vector<announced_queue>& queues) {
  for (const auto& queue : queues) {
    auto share = settings_.shares.find(queue.tenant);
    auto tenant = gate_.intern(
      queue.tenant, share == settings_.shares.end() ? 1 : share->second);
    auto& known = queues_[{shard, tenant}];
    ++round_;
    std::vector<job_id> ids;
    ids.reserve(queue.heads.size());
    for (const auto& head : queue.heads) {
      ids.push_back(head.id);
      // Not if it was announced before the shard saw the order under way.
      if (!pending_.contains(head.id))
        add_or_keep({.head = head, .tenant = tenant, .shard = shard});
    }
    for (auto id : known)
      if (auto it = heads_.find(id);
          it != heads_.end() && it->second.round != round_)
        remove(id);
    known = std::move(ids);
    if (known.empty())
      queues_.erase({shard, tenant});
    offer(tenant);
  }
}

void dispatch_core::reset(shard_id shard) {
  auto it = queues_.lower_bound({shard, 0});
  while (it != queues_.end() && it->first.first == shard) {
    for (auto id : it->second)
      remove(id);
    offer(it->first.second);
    it = queues_.erase(it);
  }
}

dispatch_core::candidate dispatch_core::place_of(const known_head& k) {
  return {.rank = {.on_time = !k.overdue,
                   .tier = k.overdue ? k.head.tier : uint8_t{0},
                   .key = k.head.key,
                   .id = k.head.id},
          .shard = k.shard};
}

dispatch_core::tenant_state& dispatch_core::state(tenant_index t) {
  while (tenants_.size() <= t)
    tenants_.emplace_back();
  return tenants_[t];
}

/// Most heads of a queue are the same as before.
void dispatch_core::add_or_keep(const known_head& k) {
  auto it = heads_.find(k.head.id);
  if (it != heads_.end()) {
    auto& x = it->second;
    if (x.head == k.head && x.tenant == k.tenant && x.shard == k.shard
        && about_equal(x.head.overdue_at, k.head.overdue_at)) {
      x.round = round_;
      return;
    }
    remove(k.head.id);
  }
  add(k);
}

void dispatch_core::add(const known_head& k) {
  auto [it, fresh] = heads_.emplace(k.head.id, k);
  if (!fresh)
    return;
  it->second.round = round_;
  ++waiting_;
  overdue_now_ += k.overdue ? 1 : 0;
  if (k.head.alone)
    alone_.insert(place_of(k));
  else
    state(k.tenant).order.insert(place_of(k));
  if (!k.overdue && k.head.overdue_at != mono_time::max())
    overdue_.emplace(k.head.overdue_at, k.head.id);
}

void dispatch_core::remove(job_id id) {
  auto it = heads_.find(id);
  if (it == heads_.end())
    return;
  const auto& k = it->second;
  if (k.head.alone)
    alone_.erase(place_of(k));
  else
    state(k.tenant).order.erase(place_of(k));
  overdue_.erase({k.head.overdue_at, id});
  overdue_now_ -= k.overdue ? 1 : 0;
  heads_.erase(it);
  --waiting_;
}

/// Tells the gate what the tenant's first job is now.
void dispatch_core::offer(tenant_index t) {
  auto& s = state(t);
  bool capped = settings_.tenant_in_flight_max > 0
                && s.in_flight >= settings_.tenant_in_flight_max;
  if (s.order.empty() || capped)
    gate_.withdraw(t);
  else
    gate_.offer(t, s.order.begin()->rank);
}

void dispatch_core::mark_overdue(mono_time now) {
  while (!overdue_.empty() && overdue_.begin()->first <= now) {
    auto k = heads_.at(overdue_.begin()->second);
    remove(k.head.id);
    k.overdue = true;
    add(k);
    offer(k.tenant);
  }
}

// --- what workers say -------------------------------------------------------

std::vector<lost_attempt> dispatch_core::register_worker(
  const std::string& worker, uint64_t generation, uint32_t slots,
  const std::vector<attempt_id>& running, mono_time now,
  const std::vector<parked_report>& parked_there) {
  // One that the same generation reports again still runs, and keeps its charge.
  auto previous = withdraw(worker, generation);
  if (!slots_.add(worker, generation, slots))
    return {};
  for (auto id : running)
    slots_.occupy(worker, id, {.since = now});
  for (const auto& x : parked_there)
    parked(worker, x.id, x.key, now);
  std::erase_if(previous, [&](const lost_attempt& x) {
    return std::find(running.begin(), running.end(), x.id) != running.end()
           || std::any_of(parked_there.begin(), parked_there.end(),
                          [&](const auto& p) { return p.id == x.id; });
  });
  return previous;
}

std::vector<lost_attempt> dispatch_core::withdraw(const std::string& worker,
                                                  uint64_t generation) {
  auto running = slots_.remove(worker, generation);
  if (!running)
    return {};
  std::vector<lost_attempt> lost;
  for (const auto& [id, what] : *running) {
    lost.push_back({.id = id, .ran = !what.waits});
    leave(what, what.charged_s);
  }
  // A parked one has no part in how its worker ended.
  for (const auto& [id, what] : parked_.drop(worker)) {
    lost.push_back({.id = id, .ran = false});
    leave(what, what.charged_s);
  }
  switch_costs_.erase(worker);
  std::sort(lost.begin(), lost.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  std::vector<job_id> unanswered;
  for (const auto& [id, p] : pending_)
    if (p.order.worker == worker)
      unanswered.push_back(id);
  for (auto id : unanswered)
    put_back(*take_pending(id));
  return lost;
}

void dispatch_core::freed(const std::string& worker, attempt_id attempt,
                          duration ran) {
  auto what = slots_.vacate(worker, attempt);
  if (!what)
    what = parked_.take(worker, attempt);
  if (!what) {
    // It ended before the shard's answer came: that answer will find no order.
    auto p = pending_.find(attempt.job);
    if (p == pending_.end() || p->second.order.worker != worker
        || p->second.order.after_attempt + 1 != attempt.attempt)
      return late_.ended(attempt);
    auto early = take_pending(attempt.job);
    slots_.release(worker);
    gate_.correct(early->what.tenant, seconds(ran) - early->what.head.work_s);
    return offer(early->what.tenant);
  }
  leave(*what, seconds(ran));
}

/// The attempt is over, or lost, after `real_s` on slots.
void dispatch_core::leave(const running_attempt& what, double real_s) {
  if (what.tenant == running_attempt::no_tenant)
    return;
  --state(what.tenant).in_flight;
  gate_.correct(what.tenant, real_s - what.charged_s);
  offer(what.tenant);
}

void dispatch_core::correct_charges(mono_time now) {
  slots_.each_running([&](running_attempt& what) {
    auto real = what.done_s(now - what.since);
    if (what.tenant == running_attempt::no_tenant || what.waits
        || real <= what.charged_s)
      return;
    gate_.correct(what.tenant, real - what.charged_s);
    what.charged_s = real;
  });
}

double dispatch_core::running_work_s(mono_time now) {
  double rest = 0;
  slots_.each_running([&](running_attempt& what) {
    auto ran = what.done_s(what.waits ? duration{0} : now - what.since);
    rest += std::max(0.0, what.charged_s - ran);
  });
  return rest + parked_.work_s();
}

// --- the choice -------------------------------------------------------------

std::vector<lease_order> dispatch_core::pick(mono_time now, size_t orders_max) {
  expire_orders(now);
  mark_overdue(now);
  std::vector<lease_order> orders;
  pick_alone(now, orders_max, orders);
  while (waiting_ > alone_.size() && slots_.room() > 0
         && orders.size() < orders_max) {
    auto tenant = gate_.pick();
    if (!tenant)
      break;
    auto worker = slots_.reserve(false);
    if (!worker)
      break;
    order(heads_.at(state(*tenant).order.begin()->rank.id), std::move(*worker),
          now, orders);
  }
  return orders;
}

/// Jobs that need an idle worker: they hold nobody else back, and are too few for
/// the gate to care beyond their charge.
void dispatch_core::pick_alone(mono_time now, size_t orders_max,
                               std::vector<lease_order>& orders) {
  while (!alone_.empty() && orders.size() < orders_max) {
    auto worker = slots_.reserve(true);
    if (!worker)
      return;
    order(heads_.at(alone_.begin()->rank.id), std::move(*worker), now, orders);
  }
}

void dispatch_core::order(const known_head& head, worker_slots::place where,
                          mono_time now, std::vector<lease_order>& orders) {
  auto k = head; // `remove` ends the original.
  remove(k.head.id);
  auto reading = gate_.reading(k.tenant);
  gate_.charge(k.tenant, k.head.work_s);
  ++state(k.tenant).in_flight;
  offer(k.tenant);
  orders.push_back({.shard = k.shard,
                    .job = k.head.id,
                    .after_attempt = k.head.attempt,
                    .tenant = gate_.name(k.tenant),
                    .work_s = k.head.work_s,
                    .worker = std::move(where.worker),
                    .stamp = {.number = ++orders_,
                              .worker_generation = where.generation,
                              .ordered_at = now,
                              .key = k.head.key},
                    .gate = reading,
                    .overdue = k.overdue});
  auto expires = now + settings_.lease_timeout;
  limits_.push_back({.at = expires, .job = k.head.id, .number = orders_});
  pending_.insert_or_assign(k.head.id,
                            pending_order{orders.back(), k, expires});
}

// --- what becomes of orders -------------------------------------------------

grant_outcome dispatch_core::granted(const granted_lease& lease,
                                     mono_time now) {
  auto it = pending_.find(lease.id.job);
  if (it == pending_.end()
      || it->second.order.stamp.number != lease.stamp.number)
    return granted_late(lease, now);
  const auto& p = it->second;
  occupy(lease, p.what.tenant, p.what.head.work_s, now);
  auto took = now - p.order.stamp.ordered_at;
  pending_.erase(it);
  return {.took = took};
}

/// The order was given up meanwhile, and perhaps another made that will be
/// refused: the attempt is where the answer says, if that worker still lives.
grant_outcome dispatch_core::granted_late(const granted_lease& lease,
                                          mono_time now) {
  auto given_up = late_.take(lease.stamp.number);
  if (!given_up || given_up->ended)
    return {};
  if (slots_.generation(lease.worker) != lease.stamp.worker_generation)
    return {.lost = true};
  gate_.correct(given_up->tenant, given_up->work_s);
  ++state(given_up->tenant).in_flight;
  occupy(lease, given_up->tenant, given_up->work_s, now);
  offer(given_up->tenant);
  return {};
}

void dispatch_core::occupy(const granted_lease& lease, tenant_index tenant,
                           double work_s, mono_time now) {
  slots_.occupy(lease.worker, lease.id,
                {.tenant = tenant,
                 .charged_s = work_s,
                 .since = now,
                 .key = lease.stamp.key,
                 .work_s = work_s});
}

void dispatch_core::refused(const refused_lease& lease) {
  auto it = pending_.find(lease.job);
  if (it == pending_.end() || it->second.order.stamp.number != lease.number) {
    late_.take(lease.number);
    return;
  }
  auto p = *take_pending(lease.job);
  slots_.release(p.order.worker);
  gate_.correct(p.what.tenant, -p.what.head.work_s);
  offer(p.what.tenant);
}

queue_front dispatch_core::front() const {
  queue_front x{.least_clock = gate_.least(), .slack = gate_.slack()};
  if (auto first = gate_.first())
    x.key = first->key;
  for (auto t : gate_.throttled_list(queue_front::throttled_max))
    x.throttled.emplace_back(gate_.name(t), gate_.clock(t));
  std::sort(x.throttled.begin(), x.throttled.end());
  return x;
}

bool dispatch_core::answered(const order_limit& x) const {
  auto it = pending_.find(x.job);
  return it == pending_.end() || it->second.order.stamp.number != x.number;
}

std::optional<mono_time> dispatch_core::next_due() {
  while (!limits_.empty() && answered(limits_.front()))
    limits_.pop_front();
  if (limits_.empty())
    return std::nullopt;
  return limits_.front().at;
}

std::optional<dispatch_core::pending_order>
dispatch_core::take_pending(job_id job) {
  auto node = pending_.extract(job);
  if (node.empty())
    return std::nullopt;
  --state(node.mapped().what.tenant).in_flight;
  return std::move(node.mapped());
}

void dispatch_core::expire_orders(mono_time now) {
  for (auto due = next_due(); due && *due <= now; due = next_due()) {
    ++orders_timed_out_;
    auto p = *take_pending(limits_.front().job);
    slots_.release(p.order.worker);
    put_back(p);
  }
}

void dispatch_core::put_back(const pending_order& p) {
  late_.expect(
    {.number = p.order.stamp.number,
     .attempt = {.job = p.order.job, .attempt = p.order.after_attempt + 1},
     .tenant = p.what.tenant,
     .work_s = p.what.head.work_s});
  gate_.correct(p.what.tenant, -p.what.head.work_s);
  add(p.what);
  auto& known = queues_[{p.what.shard, p.what.tenant}];
  if (std::find(known.begin(), known.end(), p.order.job) == known.end())
    known.push_back(p.order.job);
  offer(p.what.tenant);
}

} // namespace troupe::runtime
