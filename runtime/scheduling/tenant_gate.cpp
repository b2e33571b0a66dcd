#include "runtime/scheduling/tenant_gate.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::runtime {
namespace {

/// The mean size forgets: a sample counts for the next thousand.
constexpr double size_memory = 1000;

} // namespace

tenant_gate::tenant_index tenant_gate::intern(std::string_view name,
                                              double share) {
  if (auto it = by_name_.find(name); it != by_name_.end())
    return it->second;
  auto index = static_cast<tenant_index>(tenants_.size());
  tenants_.push_back(
    {.name = std::string{name},
     .share = std::isfinite(share) && share > 0 ? share : 1.0});
  by_name_.emplace(std::string{name}, index);
  return index;
}

void tenant_gate::offer(tenant_index t, const head_rank& head) {
  auto& x = tenants_[t];
  if (x.head == head)
    return;
  if (x.head)
    unlist(t);
  else
    x.clock = std::max(x.clock, slowest());
  x.head = head;
  list(t);
}

void tenant_gate::withdraw(tenant_index t) {
  if (!tenants_[t].head)
    return;
  unlist(t);
  tenants_[t].head.reset();
  admit_throttled();
}

std::optional<tenant_gate::tenant_index> tenant_gate::pick() {
  admit_throttled();
  while (!eligible_.empty()) {
    auto t = eligible_.begin()->second;
    if (tenants_[t].clock <= slowest() + slack())
      return t;
    // The slowest fell back, or the slack shrank, since it was listed.
    unlist(t);
    list(t);
  }
  return std::nullopt;
}

void tenant_gate::charge(tenant_index t, double work_s) {
  if (!std::isfinite(work_s) || work_s < 0)
    return;
  samples_ = std::min(samples_ + 1, size_memory);
  mean_work_s_ += (work_s - mean_work_s_) / samples_;
  correct(t, work_s);
}

void tenant_gate::correct(tenant_index t, double difference_s) {
  if (!std::isfinite(difference_s))
    return;
  auto& x = tenants_[t];
  if (x.head)
    unlist(t);
  x.clock += difference_s / x.share;
  if (x.head)
    list(t);
  admit_throttled();
}

double tenant_gate::gap() const {
  return active_.empty() ? 0 : active_.rbegin()->first - active_.begin()->first;
}

std::vector<tenant_gate::tenant_index>
tenant_gate::throttled_list(size_t most) const {
  std::vector<tenant_index> found;
  for (const auto& [clock, t] : throttled_) {
    if (found.size() == most)
      break;
    found.push_back(t);
  }
  return found;
}

double tenant_gate::slowest() const {
  return active_.empty() ? floor_ : active_.begin()->first;
}

void tenant_gate::unlist(tenant_index t) {
  auto& x = tenants_[t];
  floor_ = slowest();
  active_.erase({x.clock, t});
  if (x.throttled)
    throttled_.erase({x.clock, t});
  else
    eligible_.erase({*x.head, t});
}

void tenant_gate::list(tenant_index t) {
  auto& x = tenants_[t];
  active_.insert({x.clock, t});
  x.throttled = x.clock > slowest() + slack();
  if (x.throttled)
    throttled_.insert({x.clock, t});
  else
    eligible_.insert({*x.head, t});
}

void tenant_gate::admit_throttled() {
  while (!throttled_.empty()
         && throttled_.begin()->first <= slowest() + slack()) {
    auto t = throttled_.begin()->second;
    throttled_.erase(throttled_.begin());
    tenants_[t].throttled = false;
    eligible_.insert({*tenants_[t].head, t});
  }
}

} // namespace troupe::runtime
