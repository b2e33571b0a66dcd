#include "runtime/scheduling/boost_terms.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::runtime {
namespace {

/// The mean size forgets: a sample counts for the next thousand.
constexpr double size_memory = 1000;

double seconds(duration d) noexcept {
  return std::chrono::duration<double>(d).count();
}

} // namespace

double boost_exponent(double log_mgf) noexcept {
  // -ln(1 - 1/M)
  return -std::log(-std::expm1(-log_mgf));
}

void boost_terms::observe_work(double x) noexcept {
  if (!std::isfinite(x) || x <= 0)
    return;
  samples_ = std::min(samples_ + 1, size_memory);
  mean_work_s_ += (x - mean_work_s_) / samples_;
}

void boost_terms::observe_drain(double x, mono_time now) noexcept {
  if (!std::isfinite(x) || x < 0)
    return;
  if (!drain_s_) {
    // The average begins with the first backlog: before it there is nothing to
    // know, and a V near 0 would make the order that of arrival.
    if (x > 0) {
      drain_s_ = x;
      drain_from_ = drain_at_ = now;
    }
    return;
  }
  if (now <= drain_at_)
    return;
  auto step = seconds(now - drain_at_);
  auto share = std::max(-std::expm1(-step / seconds(settings_.backlog_ewma)),
                        step / seconds(now - drain_from_));
  *drain_s_ += share * (x - *drain_s_);
  drain_at_ = now;
}

void boost_terms::resume_drain(double x, mono_time now) noexcept {
  if (!std::isfinite(x) || x < 0)
    return;
  drain_s_ = x;
  drain_from_ = now - settings_.backlog_ewma;
  drain_at_ = now;
}

key_terms boost_terms::terms(double capacity) const noexcept {
  key_terms t{.capacity =
                capacity > 0 && std::isfinite(capacity) ? capacity : 1.0};
  auto mean = mean_work_s_ / t.capacity;
  auto scale = std::max(drain_s(), mean);
  if (settings_.boost_m <= 0 || mean <= 0)
    return t;
  t.gamma = settings_.boost_m / scale;
  t.limit_s =
    std::min(settings_.clamp_nats / t.gamma, seconds(settings_.limit_max));
  t.beta_ref = boost_exponent(t.gamma * mean);
  return t;
}

} // namespace troupe::runtime
