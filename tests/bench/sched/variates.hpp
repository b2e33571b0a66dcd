// Random numbers of the distributions that workloads are made of.
#pragma once

#include "runtime/rng.hpp"

#include <cmath>
#include <numbers>

namespace troupe::bench {

class variates {
public:
  explicit variates(uint64_t seed) : rng_{seed} {}

  double uniform() noexcept { return rng_.unit(); }
  /// In (0, 1]: safe for logarithms.
  double positive() noexcept { return 1 - rng_.unit(); }
  double exponential(double mean) noexcept {
    return -mean * std::log(positive());
  }
  /// Box and Muller, one of the two thrown away.
  double normal() noexcept {
    auto radius = std::sqrt(-2 * std::log(positive()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }
  double lognormal(double mu, double sigma) noexcept {
    return std::exp(mu + sigma * normal());
  }
  /// Mean 1 and that coefficient of variation, > 0.
  double gamma_gap(double cv) noexcept {
    auto shape = 1 / (cv * cv);
    return gamma(shape) / shape;
  }

private:
  /// Marsaglia and Tsang, "A simple method for generating gamma variables",
  /// ACM TOMS 26 (2000); shapes below 1 by their boost.
  double gamma(double shape) noexcept {
    if (shape < 1)
      return gamma(shape + 1) * std::pow(positive(), 1 / shape);
    auto d = shape - 1.0 / 3;
    auto c = 1 / std::sqrt(9 * d);
    for (;;) {
      auto x = normal();
      auto v = 1 + c * x;
      if (v <= 0)
        continue;
      v = v * v * v;
      if (std::log(positive()) < 0.5 * x * x + d - d * v + d * std::log(v))
        return d * v;
    }
  }

  runtime::seeded_rng rng_;
};

} // namespace troupe::bench
