#include "runtime/scheduling/demand_meter.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::runtime {
namespace {

/// Shorter spans say nothing about a rate.
constexpr duration span_min{std::chrono::milliseconds{500}};
/// Below it nothing arrives any more: work per second.
constexpr double rate_min = 0.001;

double seconds(duration d) noexcept {
  return std::chrono::duration<double>(d).count();
}

double known(double x) noexcept {
  return std::isfinite(x) ? std::max(x, 0.0) : 0;
}

} // namespace

demand_meter::demand_meter(demand_settings settings) noexcept
  : settings_{settings}, load_{settings.accurate_high_s} {
  latest_.worker_speed = std::max(1u, settings.worker_slots);
}

void demand_meter::arrived(double work_s) noexcept {
  pending_s_ += known(work_s);
}

void demand_meter::average(mono_time now) noexcept {
  if (!averaged_at_)
    averaged_at_ = now;
  auto span = now - *averaged_at_;
  if (span < span_min)
    return;
  auto kept = std::exp(-seconds(span) / seconds(settings_.arrival_ewma));
  rate_ = kept * rate_ + (1 - kept) * pending_s_ / seconds(span);
  if (rate_ < rate_min)
    rate_ = 0;
  pending_s_ = 0;
  averaged_at_ = now;
}

model_demand demand_meter::measure(mono_time now,
                                   const demand_inputs& in) noexcept {
  average(now);
  latest_.arriving_per_s = rate_;
  latest_.work_s = known(in.due_s) + known(in.running_s);
  if (in.workers > 0 && in.slots > 0)
    latest_.worker_speed = static_cast<double>(in.slots) / in.workers;
  latest_.desired_workers =
    scale_desired_workers({.arriving_work_per_s = rate_,
                           .backlog_work_s = latest_.work_s,
                           .worker_speed = latest_.worker_speed},
                          settings_.scale);
  auto speed = in.slots > 0 ? in.slots : latest_.worker_speed;
  latest_.loaded = load_.update(now, latest_.work_s / speed, in.load_time);
  return latest_;
}

bool demand_meter::changing() const noexcept {
  return pending_s_ > 0 || rate_ > 0 || latest_.work_s > 0 || latest_.loaded;
}

} // namespace troupe::runtime
