#include "runtime/scheduling/service_fit.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace troupe::runtime {
namespace {

constexpr double forgetting = 0.999;
constexpr double stray_ratio = 20;
constexpr uint32_t strays_max = 20;
/// Before this many samples nothing counts as a stray.
constexpr uint64_t warm_up = 20;
/// What the prior counts: a hundredth of one sample of 100 and 100 tokens.
constexpr std::array<double, 3> prior_weight{0.01, 100, 100};

constexpr double sample_max = 1e9; ///< Tokens, or seconds.

using row = std::array<double, 3>;

/// Gauss on squares plus prior weights; `used[i]` false: x_i = 0. In exact
/// arithmetic no pivot is below its prior weight; rounding must not make it so.
row solve_positive(std::array<row, 3> a, row b, std::array<bool, 3> used) {
  for (size_t i = 0; i < 3; ++i)
    if (!used[i]) {
      for (size_t j = 0; j < 3; ++j)
        a[i][j] = a[j][i] = 0;
      a[i][i] = prior_weight[i];
      b[i] = 0;
    }
  for (size_t i = 0; i < 3; ++i) {
    a[i][i] = std::max(a[i][i], prior_weight[i]);
    for (size_t k = i + 1; k < 3; ++k) {
      auto f = a[k][i] / a[i][i];
      for (size_t j = i; j < 3; ++j)
        a[k][j] -= f * a[i][j];
      b[k] -= f * b[i];
    }
  }
  row x{};
  for (size_t i = 3; i-- > 0;) {
    x[i] = b[i];
    for (size_t j = i + 1; j < 3; ++j)
      x[i] -= a[i][j] * x[j];
    x[i] /= a[i][i];
  }
  return x;
}

} // namespace

service_fit::service_fit(service_coefficients prior) noexcept
  : prior_{prior.base_s, prior.input_token_s, prior.output_token_s},
    theta_{prior_} {}

void service_fit::rebase(service_coefficients prior) noexcept {
  prior_ = {prior.base_s, prior.input_token_s, prior.output_token_s};
  if (samples_ == 0)
    theta_ = prior_;
  else
    solve();
}

bool service_fit::learn(const sample& s) noexcept {
  for (double v : {s.input_tokens, s.output_tokens, s.seconds})
    if (!std::isfinite(v) || v < 0 || v > sample_max)
      return false;
  auto known = coefficients().at(s.input_tokens, s.output_tokens);
  bool stray =
    samples_ >= warm_up
    && (s.seconds > stray_ratio * known || s.seconds * stray_ratio < known);
  if (stray && ++strays_ < strays_max)
    return false;
  if (stray)
    forget_all();
  strays_ = 0;
  row x{1, s.input_tokens, s.output_tokens};
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j)
      squares_[i][j] = forgetting * squares_[i][j] + x[i] * x[j];
    products_[i] = forgetting * products_[i] + x[i] * s.seconds;
  }
  ++samples_;
  solve();
  return true;
}

service_coefficients service_fit::coefficients() const noexcept {
  return {.base_s = theta_[0],
          .input_token_s = theta_[1],
          .output_token_s = theta_[2]};
}

void service_fit::forget_all() noexcept {
  squares_ = {};
  products_ = {};
}

void service_fit::solve() noexcept {
  auto a = squares_;
  auto b = products_;
  for (size_t i = 0; i < 3; ++i) {
    a[i][i] += prior_weight[i];
    b[i] += prior_weight[i] * prior_[i];
  }
  // Time is never negative: drop the most negative part and fit the rest anew.
  std::array<bool, 3> used{true, true, true};
  for (int round = 0; round < 3; ++round) {
    theta_ = solve_positive(a, b, used);
    size_t worst = 0;
    for (size_t i = 1; i < 3; ++i)
      if (theta_[i] < theta_[worst])
        worst = i;
    if (theta_[worst] >= 0)
      return;
    used[worst] = false;
  }
  for (auto& t : theta_)
    t = t < 0 ? 0 : t;
}

} // namespace troupe::runtime
