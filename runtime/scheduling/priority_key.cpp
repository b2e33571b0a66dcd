#include "runtime/scheduling/priority_key.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::runtime {
namespace {

/// Times are kept this far from the ends of int64 (146,000 years).
constexpr int64_t time_max_us = INT64_MAX / 2;

int64_t bounded(int64_t us) noexcept {
  return std::clamp(us, -time_max_us, time_max_us);
}

int64_t base_of(const key_inputs& job, int64_t limit_us) noexcept {
  auto arrival = bounded(to_us(job.arrival));
  if (!job.deadline)
    return arrival;
  auto wanted = bounded(to_us(*job.deadline)) - bounded(job.slo.count());
  auto latest =
    arrival + std::clamp<int64_t>(job.deferral_max.count(), 0, time_max_us / 2);
  return std::clamp(wanted, arrival - limit_us, latest);
}

/// In nats; NaN never leaves it.
double urge(const key_inputs& job, const key_terms& terms) noexcept {
  auto u =
    std::isfinite(job.weight) && job.weight > 0 ? std::log(job.weight) : 0.0;
  if (std::isnan(job.log_mgf))
    return u;
  return u + boost_exponent(std::max(job.log_mgf, 0.0)) - terms.beta_ref;
}

} // namespace

priority_key make_priority_key(const key_inputs& job,
                               const key_terms& terms) noexcept {
  auto limit_s = std::clamp(terms.limit_s, 0.0, 1e9);
  auto limit_us = static_cast<int64_t>(limit_s * 1e6);
  priority_key k{.base = base_of(job, limit_us)};
  if (terms.gamma > 0) {
    auto wanted_s = urge(job, terms) / terms.gamma;
    k.clamped = std::abs(wanted_s) > limit_s;
    k.boost =
      static_cast<int64_t>(std::clamp(wanted_s, -limit_s, limit_s) * 1e6);
  }
  k.key = k.base - k.boost;
  return k;
}

} // namespace troupe::runtime
