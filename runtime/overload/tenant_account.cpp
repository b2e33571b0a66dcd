#include "runtime/overload/tenant_account.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

namespace troupe::runtime {
namespace {

/// What a client is told when waiting cannot help.
constexpr double hopeless_s = 300;
/// Whoever gets a limit starts full.
constexpr auto full_level = std::numeric_limits<int64_t>::max();
/// Places come free as jobs end; nobody knows when.
constexpr double crowded_s = 5;

double seconds(duration x) noexcept {
  return std::chrono::duration<double>(x).count();
}

std::string text(double cost) {
  // Three digits behind the point are more than anybody needs.
  auto milli = static_cast<int64_t>(cost * 1000 + (cost < 0 ? -0.5 : 0.5));
  auto whole = std::to_string(milli / 1000);
  auto rest = std::to_string(1000 + std::abs(milli % 1000)).substr(1);
  return (milli < 0 && milli > -1000 ? "-" : "") + whole + "." + rest;
}

} // namespace

tenant_account::tenant_account(tenant_limits limits, shard_id home)
  : limits_{std::move(limits)}, home_{home}, limited_{
                                               limits_.budget.cost_per_minute
                                               > 0} {}

// --- jobs --------------------------------------------------------------------

std::optional<refused> tenant_account::too_many_jobs() const {
  auto jobs = jobs_.load();
  if (jobs < 0 || static_cast<uint64_t>(jobs) < limits_.jobs_max)
    return std::nullopt;
  return refused{.why = fail(errc::rate_limited,
                             "tenant " + limits_.name + " has "
                               + std::to_string(jobs)
                               + " jobs that wait or run, as many as it may"),
                 .retry_after_s = crowded_s};
}

std::optional<refused> tenant_account::not_loaded() {
  return refused{
    .why = fail(errc::shard_unavailable, "the tenant's budget is being loaded"),
    .retry_after_s = 1};
}

std::optional<refused>
tenant_account::judge(const budget_verdict& verdict) const {
  if (verdict.fits)
    return std::nullopt;
  auto why = "the job costs about " + text(verdict.required) + "; tenant "
             + limits_.name + " has " + text(verdict.remaining);
  if (!verdict.retry_after)
    why += ", and never has so much at once";
  return refused{.why = fail(errc::quota_exceeded, std::move(why)),
                 .retry_after_s = verdict.retry_after
                                    ? seconds(*verdict.retry_after)
                                    : hopeless_s,
                 .budget = refused::shortage{.required = verdict.required,
                                             .remaining = verdict.remaining}};
}

std::optional<refused> tenant_account::check(double cost, const moment& now) {
  if (auto no = too_many_jobs(); no || !limited_)
    return no;
  return state_.with([&](state& s) -> std::optional<refused> {
    lapse(s, now);
    return s.budget ? judge(s.budget->check(cost, now.mono)) : not_loaded();
  });
}

std::optional<refused> tenant_account::reserve(job_record& record, double cost,
                                               const moment& now) {
  // Shards come at once: whoever takes the place asks afterwards.
  ++jobs_;
  auto no = [&]() -> std::optional<refused> {
    if (auto jobs = jobs_.load();
        jobs > 0 && static_cast<uint64_t>(jobs) > limits_.jobs_max)
      return too_many_jobs();
    if (!limited_)
      return std::nullopt;
    return state_.with([&](state& s) -> std::optional<refused> {
      lapse(s, now);
      if (!s.budget)
        return not_loaded();
      auto before = s.budget->reserved_micro_cost();
      if (auto refusal = judge(s.budget->reserve(record.id, cost, now.mono)))
        return refusal;
      record.budget_serial = s.next_serial++;
      auto micro_cost = s.budget->reserved_micro_cost() - before;
      record.budget_cost = static_cast<double>(micro_cost) / 1e6;
      s.young[record.budget_serial] = {.id = record.id,
                                       .micro_cost = micro_cost};
      s.changed = true;
      return std::nullopt;
    });
  }();
  if (no)
    --jobs_;
  return no;
}

void tenant_account::forget_young(state& s, uint64_t serial) {
  s.young.erase(serial);
  while (!s.young.empty() && s.young.begin()->second.confirmed)
    s.young.erase(s.young.begin());
}

void tenant_account::confirm(const job_record& record) {
  if (record.budget_serial == 0)
    return;
  state_.with([&](state& s) {
    auto at = s.young.find(record.budget_serial);
    if (at == s.young.end())
      return;
    at->second.confirmed = true;
    if (at == s.young.begin())
      forget_young(s, record.budget_serial);
    s.changed = true;
  });
}

void tenant_account::settle(const job_record& record, mono_time now) {
  if (record.budget_serial == 0)
    return;
  state_.with([&](state& s) {
    if (!s.budget)
      return;
    s.budget->settle(record.id, record.usage.cost, now);
    forget_young(s, record.budget_serial);
    s.changed = true;
  });
}

void tenant_account::take(state& s, const adopted_job& job, mono_time now) {
  s.next_serial = std::max(s.next_serial, job.serial + 1);
  s.budget->adopt(job.id, job.cost, job.serial >= s.counted_below, now);
}

void tenant_account::adopt(const job_record& record, mono_time now) {
  if (record.budget_serial == 0)
    return;
  adopted_job job{record.id, record.budget_cost, record.budget_serial};
  state_.with([&](state& s) {
    if (s.budget)
      take(s, job, now);
    else
      s.early.push_back(job);
  });
}

void tenant_account::reconcile(shard_id shard, const std::vector<job_id>& live,
                               mono_time now) {
  state_.with([&](state& s) {
    if (!s.budget)
      return;
    std::set<job_id> unsure;
    for (const auto& [serial, job] : s.young)
      if (!job.confirmed)
        unsure.insert(job.id);
    for (auto id : s.budget->jobs_of(shard)) {
      if (std::binary_search(live.begin(), live.end(), id))
        continue;
      s.budget->settle(
        id, unsure.contains(id) ? 0 : std::numeric_limits<double>::quiet_NaN(),
        now);
      s.changed = true;
    }
    // What is there is durable.
    for (auto at = s.young.begin(); at != s.young.end();)
      at = at->second.id.shard() == shard ? s.young.erase(at) : ++at;
    forget_young(s, 0);
  });
}

// --- the home shard ------------------------------------------------------------

void tenant_account::open(const std::optional<tenant_record>& stored,
                          const moment& now) {
  state_.with([&](state& s) {
    if (s.budget)
      return;
    auto record = stored.value_or(tenant_record{});
    if (record.override_now && record.override_now->until > now.wall) {
      s.override_now = record.override_now;
      s.lapses_at = now.mono + (record.override_now->until - now.wall);
    }
    auto limits = in_force(s);
    limited_ = limits.cost_per_minute > 0;
    s.counted_below = record.counted_below;
    s.next_serial = std::max(s.next_serial, record.counted_below);
    if (stored)
      s.budget.emplace(
        limits,
        budget_record{.level_micro_cost = record.level_micro_cost,
                      .at = record.at},
        now.mono, now.wall);
    else
      s.budget.emplace(limits, now.mono);
    for (const auto& job : std::exchange(s.early, {}))
      take(s, job, now.mono);
  });
}

std::optional<tenant_account::changes>
tenant_account::take_changes(const moment& now) {
  return state_.with([&](state& s) -> std::optional<changes> {
    lapse(s, now);
    if (!s.budget || !std::exchange(s.changed, false))
      return std::nullopt;
    auto kept = s.budget->record(now.mono, now.wall);
    changes out{.record = {.level_micro_cost = kept.level_micro_cost,
                           .at = kept.at,
                           .counted_below = s.young.empty()
                                              ? s.next_serial
                                              : s.young.begin()->first,
                           .override_now = s.override_now},
                .waiting = std::exchange(s.waiting, {})};
    for (const auto& [serial, job] : s.young)
      out.record.level_micro_cost += job.micro_cost;
    if (!limited_)
      out.record.level_micro_cost = full_level;
    return out;
  });
}

// --- operators -----------------------------------------------------------------

budget_limits tenant_account::in_force(const state& s) const {
  if (!s.override_now)
    return limits_.budget;
  return {.cost_per_minute = s.override_now->cost_per_minute,
          .burst = s.override_now->burst};
}

void tenant_account::set_limits(state& s, mono_time now) {
  auto limits = in_force(s);
  limited_ = limits.cost_per_minute > 0;
  if (s.budget)
    s.budget->set_limits(limits, now);
  s.changed = true;
}

void tenant_account::lapse(state& s, const moment& now) {
  if (!s.override_now || now.mono < s.lapses_at)
    return;
  s.override_now.reset();
  set_limits(s, now.mono);
}

void tenant_account::set_override(std::optional<budget_override> order,
                                  sink_ref reply, const moment& now) {
  state_.with([&](state& s) {
    s.override_now = order;
    if (order)
      s.lapses_at = now.mono + std::max(order->until - now.wall, duration{0});
    set_limits(s, now.mono);
    if (reply)
      s.waiting.push_back(reply);
  });
}

tenant_view tenant_account::view(const moment& now) {
  tenant_view out{.limits = limits_};
  out.jobs = static_cast<uint64_t>(std::max<int64_t>(0, jobs_));
  state_.with([&](state& s) {
    lapse(s, now);
    out.budget = in_force(s);
    out.override_now = s.override_now;
    out.known = s.budget.has_value();
    if (s.budget)
      out.level = s.budget->level(now.mono);
  });
  return out;
}

} // namespace troupe::runtime
