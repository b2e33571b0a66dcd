#include "runtime/overload/tenant_budget.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace troupe::runtime {
namespace {

constexpr double micro = 1e6;
constexpr double limit_max = 1e9;
constexpr auto level_max = static_cast<int64_t>(limit_max * micro);
constexpr int64_t slice_share = 16;
constexpr duration for_ever = std::chrono::hours{24 * 365};

// What is not a number is the most: better refused than free.
int64_t to_micro(double cost, double most) noexcept {
  if (cost <= 0)
    return 0;
  return std::llround((cost < most ? cost : most) * micro);
}

double to_cost(int64_t micro_cost) noexcept {
  return static_cast<double>(micro_cost) / micro;
}

} // namespace

tenant_budget::tenant_budget(budget_limits limits, mono_time now)
  : refilled_at_{now} {
  set_limits(limits, now);
}

tenant_budget::tenant_budget(budget_limits limits, const budget_record& record,
                             mono_time now, wall_time wall)
  : tenant_budget{limits, now} {
  level_ = std::clamp(record.level_micro_cost, -level_max, burst_);
  next_slice_ = record.next_slice;
  for (const auto& s : record.slices)
    slices_.emplace(s.id, s.micro_cost);
  recorded_at_ = record.at;
  refilled_at_ = now - std::max(wall - record.at, duration{0});
  refill(now);
}

tenant_budget tenant_budget::of_slice(const budget_slice& slice,
                                      mono_time now) {
  tenant_budget holder{budget_limits{}, now};
  holder.limited_ = true;
  holder.burst_ = slice.micro_cost;
  holder.level_ = slice.micro_cost;
  return holder;
}

// --- the bucket --------------------------------------------------------------

void tenant_budget::refill(mono_time now) {
  if (now <= refilled_at_)
    return;
  auto elapsed = static_cast<double>((now - refilled_at_).count());
  refilled_at_ = now;
  auto room = static_cast<double>(burst_ - level_);
  auto gained = std::min(elapsed * rate_ + fraction_, room);
  auto whole = std::floor(gained);
  fraction_ = gained - whole;
  level_ += static_cast<int64_t>(whole);
}

void tenant_budget::put_back(int64_t micro_cost) noexcept {
  level_ = std::clamp(level_ + micro_cost, -level_max, burst_);
}

std::optional<duration>
tenant_budget::time_to_gain(double micro_cost) const noexcept {
  if (micro_cost <= 0)
    return duration{0};
  if (rate_ <= 0)
    return std::nullopt;
  // One more, since the sums of refill are rounded.
  auto us = std::ceil((micro_cost - fraction_) / rate_) + 1;
  auto most = static_cast<double>(for_ever.count());
  return duration{static_cast<int64_t>(std::min(us, most))};
}

// --- jobs --------------------------------------------------------------------

budget_verdict tenant_budget::judge(int64_t micro_cost) const noexcept {
  budget_verdict verdict{.fits = !limited_ || micro_cost <= level_,
                         .required = to_cost(micro_cost),
                         .remaining = to_cost(level_)};
  if (!verdict.fits && micro_cost <= burst_)
    verdict.retry_after =
      time_to_gain(static_cast<double>(micro_cost - level_));
  return verdict;
}

budget_verdict tenant_budget::check(double cost, mono_time now) {
  refill(now);
  return judge(to_micro(cost, cost_max));
}

budget_verdict tenant_budget::reserve(const job_id& job, double cost,
                                      mono_time now) {
  refill(now);
  auto micro_cost = to_micro(cost, cost_max);
  if (reservations_.contains(job))
    return {.fits = true,
            .required = to_cost(micro_cost),
            .remaining = to_cost(level_)};
  auto verdict = judge(micro_cost);
  if (!verdict.fits)
    return verdict;
  reservations_.try_emplace(job, micro_cost, limited_);
  reserved_ += micro_cost;
  if (limited_)
    level_ -= micro_cost;
  return verdict;
}

void tenant_budget::adopt(const job_id& job, double cost, bool missing,
                          mono_time now) {
  refill(now);
  auto micro_cost = to_micro(cost, cost_max);
  if (!reservations_.try_emplace(job, micro_cost, limited_).second)
    return;
  reserved_ += micro_cost;
  if (missing && limited_)
    put_back(-micro_cost);
}

bool tenant_budget::settle(const job_id& job, double real, mono_time now) {
  refill(now);
  auto at = reservations_.find(job);
  if (at == reservations_.end()) {
    ++strays_;
    return false;
  }
  auto [reserved, taken] = at->second;
  reservations_.erase(at);
  reserved_ -= reserved;
  if (taken && std::isfinite(real) && real >= 0)
    put_back(reserved - to_micro(real, cost_max));
  return true;
}

// --- slices ------------------------------------------------------------------

std::optional<budget_slice> tenant_budget::take_slice(double cost,
                                                      mono_time now) {
  refill(now);
  auto amount = std::min(to_micro(cost, limit_max), level_ / slice_share);
  if (!limited_ || amount <= 0 || slices_.size() >= slices_max)
    return std::nullopt;
  level_ -= amount;
  budget_slice slice{next_slice_++, amount};
  slices_.emplace(slice.id, amount);
  return slice;
}

bool tenant_budget::return_slice(uint64_t id, int64_t left_micro_cost,
                                 mono_time now) {
  refill(now);
  auto at = slices_.find(id);
  if (at == slices_.end()) {
    ++strays_;
    return false;
  }
  put_back(std::clamp(left_micro_cost, -level_max, at->second));
  slices_.erase(at);
  return true;
}

// --- state -------------------------------------------------------------------

void tenant_budget::set_limits(budget_limits limits, mono_time now) {
  refill(now);
  auto was_limited = std::exchange(limited_, limits.cost_per_minute > 0);
  rate_ = limited_ ? std::min(limits.cost_per_minute, limit_max) / 60 : 0;
  burst_ = limited_ ? to_micro(limits.burst, limit_max) : 0;
  level_ = was_limited ? std::min(level_, burst_) : burst_;
  fraction_ = 0;
}

budget_level tenant_budget::level(mono_time now) {
  refill(now);
  int64_t lent = 0;
  for (const auto& [id, micro_cost] : slices_)
    lent += micro_cost;
  auto missing = static_cast<double>(burst_ - level_);
  return {.limited = limited_,
          .remaining = to_cost(level_),
          .burst = to_cost(burst_),
          .reserved = to_cost(reserved_),
          .lent = to_cost(lent),
          .full_in = time_to_gain(missing).value_or(for_ever)};
}

std::vector<job_id> tenant_budget::jobs_of(shard_id shard) const {
  std::vector<job_id> out;
  for (const auto& [id, held] : reservations_)
    if (id.shard() == shard)
      out.push_back(id);
  std::sort(out.begin(), out.end());
  return out;
}

int64_t tenant_budget::level_micro_cost(mono_time now) {
  refill(now);
  return level_;
}

budget_record tenant_budget::record(mono_time now, wall_time wall) {
  refill(now);
  recorded_at_ = std::max(recorded_at_, wall);
  budget_record out{
    .level_micro_cost = level_, .at = recorded_at_, .next_slice = next_slice_};
  for (const auto& [id, micro_cost] : slices_)
    out.slices.push_back({id, micro_cost});
  return out;
}

} // namespace troupe::runtime
