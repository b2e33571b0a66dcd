#include "tests/bench/sched/closed_forms.hpp"

#include <cmath>
#include <numbers>

namespace troupe::bench {
namespace {

double normal_cdf(double z) {
  return 0.5 * std::erfc(-z / std::numbers::sqrt2);
}

double normal_density(double z) {
  return std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
}

/// Log-normal sizes by their normal score z: x = e^(mu + sigma z).
struct sizes {
  explicit sizes(const size_law& law)
    : sigma{std::sqrt(std::log1p(law.squared_cv))}, mu{std::log(law.mean)
                                                       - sigma * sigma / 2},
      moment1{law.mean}, moment2{law.second_moment()} {}

  double at(double z) const { return std::exp(mu + sigma * z); }
  /// E[S; S <= x], E[S^2; S <= x].
  double work_below(double z) const { return moment1 * normal_cdf(z - sigma); }
  double squares_below(double z) const {
    return moment2 * normal_cdf(z - 2 * sigma);
  }

  double sigma, mu, moment1, moment2;
};

// The integrals run over z by the midpoint rule; beyond 12 lies less than 1e-30.
constexpr double z_max = 12;
constexpr double step = 1.0 / 4096;

} // namespace

double erlang_response(double mean_s, double load, uint32_t slots) {
  auto offered = load * slots;
  double blocked = 1; // Erlang B by its recursion
  for (uint32_t k = 1; k <= slots; ++k)
    blocked = offered * blocked / (k + offered * blocked);
  auto waits = blocked / (1 - load * (1 - blocked));
  return mean_s + waits * mean_s / (slots * (1 - load));
}

double fcfs_response(const queue_law& q) {
  return q.size.mean + q.rate() * q.size.second_moment() / (2 * (1 - q.load));
}

double sjf_response(const queue_law& q) {
  sizes s{q.size};
  auto residual = q.rate() * s.moment2 / 2;
  double wait = 0;
  for (auto z = -z_max + step / 2; z < z_max; z += step) {
    auto idle = 1 - q.rate() * s.work_below(z);
    wait += normal_density(z) * step * residual / (idle * idle);
  }
  return q.size.mean + wait;
}

double srpt_response(const queue_law& q) {
  sizes s{q.size};
  double mean = 0;
  double residence = 0; // integral of dt / (1 - rho(t)) up to x
  for (auto z = -z_max + step / 2; z < z_max; z += step) {
    auto x = s.at(z);
    auto idle = 1 - q.rate() * s.work_below(z);
    auto half_cell = x * s.sigma * step / idle / 2;
    residence += half_cell;
    auto wait = q.rate() * (s.squares_below(z) + x * x * normal_cdf(-z))
                / (2 * idle * idle);
    mean += normal_density(z) * step * (wait + residence);
    residence += half_cell;
  }
  return mean;
}

double shared_response(const queue_law& q) {
  return q.size.mean / (1 - q.load);
}

two_class_wait tier_wait(double mean_s, double squared_cv, double load,
                         double high_share) {
  auto residual = load * mean_s * (1 + squared_cv) / 2;
  auto high = residual / (1 - load * high_share);
  return {high, high / (1 - load)};
}

} // namespace troupe::bench
