#include "runtime/shard_ledger.hpp"

#include <algorithm>

namespace troupe::runtime {
namespace {

/// A week: more predicted work in one job counts as this much.
constexpr double work_s_max = 604'800;

} // namespace

shard_ledger::shard_ledger(shard_id shard, ledger_limits limits, uint64_t epoch,
                           rules_ptr rules, load_lookup node_load)
  : shard_{shard}, limits_{limits}, epoch_{epoch}, rules_{std::move(rules)},
    node_load_{std::move(node_load)} {}

// --- rebuilding -------------------------------------------------------------

void shard_ledger::restore(job_record record, mono_time now_mono,
                           wall_time now_wall) {
  last_arrival_ = std::max(last_arrival_, record.created_at);
  auto id = record.id;
  bool started = record.status != job_status::queued;
  auto& e = jobs_[id];
  e = entry{.record = std::move(record), .state = slot::leased};
  forget_decision(e);
  arm_limits(e, now_mono, now_wall);
  if (!started)
    make_ready(e);
}

void shard_ledger::restore(std::string key, idempotency_entry value) {
  key_ages_.emplace(value.expires_at, key);
  keys_.emplace(std::move(key), std::move(value));
}

std::vector<job_id> shard_ledger::orphans() const {
  std::vector<job_id> ids;
  for (const auto& [id, e] : jobs_)
    if (e.state == slot::leased)
      ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::vector<job_id> shard_ledger::waiting() const {
  std::vector<job_id> ids;
  for (const auto& [id, e] : jobs_)
    if (e.state == slot::ready)
      ids.push_back(id);
  return ids;
}

// --- admission --------------------------------------------------------------

std::optional<idempotency_entry>
shard_ledger::entry_of(const std::string& key) const {
  if (auto it = keys_.find(key); it != keys_.end())
    return it->second;
  return std::nullopt;
}

void shard_ledger::committed(job_id id, spec_ptr spec, mono_time now) {
  auto it = jobs_.find(id);
  if (it == jobs_.end() || it->second.state != slot::committing)
    return;
  auto& e = it->second;
  if (specs_resident_ < limits_.specs_resident) {
    e.spec = std::move(spec);
    ++specs_resident_;
  } else {
    forget_decision(e);
  }
  models_[e.record.queue()].arrived_s += e.record.estimated_s;
  arm_limits(e, now, e.record.created_at);
  make_ready(e);
}

double shard_ledger::take_arrived_s(const std::string& model) {
  auto it = models_.find(model);
  return it == models_.end() ? 0 : std::exchange(it->second.arrived_s, 0);
}

// --- leasing ----------------------------------------------------------------

announced_queue shard_ledger::heads(const std::string& model_name,
                                    const std::string& tenant, size_t n,
                                    mono_time now, wall_time now_wall) const {
  announced_queue result{.tenant = tenant};
  auto limit_s = model(model_name).limit_s;
  for (const auto& head : queue_.heads(model_name, tenant, n)) {
    const auto& record = jobs_.at(head.id).record;
    auto tier =
      static_cast<int>(service_tier::priority) - static_cast<int>(record.tier);
    auto overdue = overdue_at(record, *rules_, limit_s);
    result.heads.push_back({.id = head.id,
                            .key = head.key,
                            .attempt = record.attempt,
                            .alone = record.suspect,
                            .tier = static_cast<uint8_t>(tier),
                            .work_s = record.estimated_s,
                            .overdue_at = now + (overdue - now_wall)});
  }
  return result;
}

std::vector<std::string> shard_ledger::tenants(const std::string& model) const {
  auto views = queue_.tenants(model);
  return {views.begin(), views.end()};
}

void shard_ledger::set_policy(const std::string& name, policy_ptr policy) {
  auto& m = models_[name];
  m.limit_s = std::max(m.limit_s, policy->terms.limit_s);
  m.policy = std::move(policy);
}

const shard_ledger::model_state&
shard_ledger::model(const std::string& name) const {
  static const model_state unknown{.policy = std::make_shared<model_policy>()};
  auto it = models_.find(name);
  return it == models_.end() || !it->second.policy ? unknown : it->second;
}

key_histogram::totals shard_ledger::backlog(const std::string& model,
                                            int64_t key) const {
  return queue_.below(model, key);
}

shard_ledger::tier_depths shard_ledger::depths(const std::string& name) const {
  auto it = models_.find(name);
  return it == models_.end() ? tier_depths{} : it->second.depths;
}

std::optional<leased> shard_ledger::lease(job_id id, uint32_t after_attempt) {
  auto it = jobs_.find(id);
  if (it == jobs_.end() || it->second.state != slot::ready
      || it->second.record.attempt != after_attempt)
    return std::nullopt;
  auto& e = it->second;
  unqueue(e);
  e.state = slot::leased;
  e.record.attempt = after_attempt + 1;
  leased result{.id = {id, epoch_, after_attempt + 1},
                .expected_wait_s = e.expected_wait_s,
                .spec = std::move(e.spec),
                .record = e.record};
  if (result.spec)
    --specs_resident_;
  e.spec = nullptr;
  return result;
}

std::optional<ladder_choice>
shard_ledger::judge(job_id id, uint32_t after_attempt, wall_time now) const {
  auto it = jobs_.find(id);
  if (it == jobs_.end() || it->second.state != slot::ready
      || it->second.record.attempt != after_attempt)
    return std::nullopt;
  return ladder().judge(it->second.record, now);
}

ladder_choice shard_ledger::judge_running(attempt_id id, uint32_t produced,
                                          const attempt_rest& rest,
                                          wall_time now) const {
  auto it = jobs_.find(id.job);
  if (it == jobs_.end() || it->second.state != slot::leased
      || it->second.record.attempt != id.attempt)
    return {};
  return ladder().mid_run(it->second.record, produced, rest, now);
}

int64_t shard_ledger::key_in(const std::string& name,
                             const job_record& record) const {
  const auto& terms = model(name).policy->terms;
  return make_priority_key(
           // Records older than the ladder have no base.
           {.arrival = record.key_base != 0 ? wall_from_us(record.key_base)
                                            : record.created_at,
            .weight = rules_->tier(record.tier).weight,
            .log_mgf = terms.gamma * record.estimated_s / terms.capacity},
           terms)
    .key;
}

void shard_ledger::set_aside(job_id id) {
  auto it = jobs_.find(id);
  if (it == jobs_.end() || it->second.state != slot::ready)
    return;
  unqueue(it->second);
  it->second.state = slot::leased;
}

job_ladder shard_ledger::ladder() const {
  return {*rules_,
          [this](const std::string& name) -> const model_policy& {
            return *model(name).policy;
          },
          [this](const std::string& name) {
            const auto& p = *model(name).policy;
            auto waiting_s = static_cast<double>(node_load(name).work_us) / 1e6;
            return (waiting_s + p.running_s) / p.terms.capacity;
          }};
}

void shard_ledger::requeued(job_record record, duration delay, mono_time now,
                            bool charged) {
  auto it = jobs_.find(record.id);
  if (it == jobs_.end() || it->second.state == slot::ending)
    return;
  auto& e = it->second;
  if (e.state == slot::ready)
    unqueue(e);
  e.record = std::move(record);
  forget_decision(e);
  if (delay <= duration{0} && !charged) {
    make_ready(e);
    return;
  }
  e.state = slot::waiting;
  e.ready_at = now + delay;
  e.charged = charged;
  timers_.push({e.ready_at, e.record.id, due_action::kind::ready, false});
}

bool shard_ledger::begin_end(job_id id) {
  auto it = jobs_.find(id);
  if (it == jobs_.end())
    return false;
  if (it->second.state == slot::ready)
    unqueue(it->second);
  it->second.state = slot::ending;
  return true;
}

void shard_ledger::closed(job_id id) {
  auto it = jobs_.find(id);
  if (it == jobs_.end())
    return;
  if (it->second.state == slot::ready)
    unqueue(it->second);
  if (it->second.spec)
    --specs_resident_;
  jobs_.erase(it);
}

// --- time -------------------------------------------------------------------

std::vector<due_action> shard_ledger::due(mono_time now,
                                          const retry_gate& ask_retry) {
  std::vector<due_action> actions;
  // Thousands may wait for the budget: what it said once this time holds.
  std::map<std::string, mono_time> refused;
  auto retry_at = [&](const entry& e) {
    if (!e.charged || !ask_retry)
      return now;
    auto it = refused.find(e.record.queue());
    auto at = it != refused.end() ? it->second : ask_retry(e.record.queue());
    if (at > now)
      refused[e.record.queue()] = at;
    return at;
  };
  while (!timers_.empty() && timers_.top().at <= now) {
    auto t = timers_.top();
    timers_.pop();
    auto it = jobs_.find(t.id);
    if (it == jobs_.end() || it->second.state == slot::ending)
      continue;
    auto& e = it->second;
    if (t.what == due_action::kind::expire) {
      if (t.before_start && e.record.attempt > 0)
        continue;
      actions.push_back({t.id, t.what});
    } else if (t.what == due_action::kind::judge) {
      if (e.state == slot::ready)
        actions.push_back({t.id, t.what});
    } else if (e.state == slot::waiting && e.ready_at <= now) {
      e.ready_at = std::max(now, retry_at(e));
      if (e.ready_at > now) {
        timers_.push({e.ready_at, t.id, t.what, false});
        continue;
      }
      make_ready(e);
      actions.push_back({t.id, t.what});
    }
  }
  return actions;
}

std::optional<mono_time> shard_ledger::next_due() const {
  if (timers_.empty())
    return std::nullopt;
  return timers_.top().at;
}

std::vector<std::string> shard_ledger::expired_keys(wall_time now) {
  std::vector<std::string> keys;
  while (!key_ages_.empty() && key_ages_.front().first <= now) {
    auto key = std::move(key_ages_.front().second);
    key_ages_.pop();
    if (auto it = keys_.find(key);
        it != keys_.end() && it->second.expires_at <= now) {
      keys_.erase(it);
      keys.push_back(std::move(key));
    }
  }
  return keys;
}

// --- looking ----------------------------------------------------------------

const job_record* shard_ledger::find(job_id id) const {
  auto it = jobs_.find(id);
  return it == jobs_.end() ? nullptr : &it->second.record;
}

spec_ptr shard_ledger::spec(job_id id) const {
  auto it = jobs_.find(id);
  return it == jobs_.end() ? nullptr : it->second.spec;
}

// --- private ----------------------------------------------------------------

/// A fifth of what a waiting job takes. Whoever needs the job's request has to
/// read its record, too.
void shard_ledger::forget_decision(entry& e) {
  std::string{}.swap(e.record.decision);
}

void shard_ledger::make_ready(entry& e) {
  e.state = slot::ready;
  queue_.push(e.record.queue(), e.record.tenant, e.record.order_key,
              e.record.id,
              static_cast<int64_t>(
                std::clamp(e.record.estimated_s, 0.0, work_s_max) * 1e6));
  ++models_[e.record.queue()].depths[static_cast<size_t>(e.record.tier) - 1];
}

void shard_ledger::unqueue(entry& e) {
  if (queue_.remove(e.record.id))
    --models_[e.record.queue()].depths[static_cast<size_t>(e.record.tier) - 1];
}

void shard_ledger::arm_limits(const entry& e, mono_time now,
                              wall_time now_wall) {
  const auto& r = e.record;
  auto arm = [&](wall_time limit, bool before_start) {
    if (limit != wall_time{})
      timers_.push({now + std::max(duration{0}, limit - now_wall), r.id,
                    due_action::kind::expire, before_start});
  };
  if (r.attempt == 0)
    arm(r.start_at, true);
  arm(r.total_at, false);
  if (auto at = ladder().judge_at(r); at && *at > now_wall)
    timers_.push({now + (*at - now_wall), r.id, due_action::kind::judge, true});
}

wall_time shard_ledger::next_arrival(wall_time now) noexcept {
  last_arrival_ = std::max(now, last_arrival_ + duration{1});
  return last_arrival_;
}

} // namespace troupe::runtime
