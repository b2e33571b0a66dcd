#include "runtime/scheduling/token_histogram.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::runtime {
namespace {

constexpr double half_life_samples = 2000;
constexpr double parent_samples = 50;
constexpr double unit_max = 1e12;

} // namespace

double token_distribution::tokens_of(size_t bucket) noexcept {
  static const auto table = [] {
    std::array<double, buckets> t{};
    for (size_t i = 0; i < buckets; ++i)
      t[i] = std::exp2((static_cast<double>(i) + 0.5) / 4);
    t[0] = 1;
    return t;
  }();
  return table[bucket];
}

size_t token_distribution::bucket_of(double tokens) noexcept {
  if (!(tokens > 1))
    return 0;
  return static_cast<size_t>(
    std::clamp(std::log2(tokens) * 4, 0.0, double{buckets - 1}));
}

double token_distribution::mean(double cap, double factor) const noexcept {
  double sum = 0;
  for (size_t i = 0; i < buckets; ++i)
    if (shares_[i] > 0)
      sum += shares_[i] * std::min(tokens_of(i) * factor, cap);
  return sum;
}

double token_distribution::quantile(double q, double cap,
                                    double factor) const noexcept {
  double below = 0;
  for (size_t i = 0; i < buckets; ++i) {
    below += shares_[i];
    if (below >= q)
      return std::min(tokens_of(i) * factor, cap);
  }
  return std::min(tokens_of(buckets - 1) * factor, cap);
}

double token_distribution::log_mgf(double rate, double cap,
                                   double factor) const noexcept {
  // ln sum p e^x, with the largest x taken out.
  double largest = 0;
  for (size_t i = buckets; i-- > 0;)
    if (shares_[i] > 0) {
      largest = rate * std::min(tokens_of(i) * factor, cap);
      break;
    }
  double sum = 0;
  for (size_t i = 0; i < buckets; ++i)
    if (shares_[i] > 0)
      sum += shares_[i]
             * std::exp(rate * std::min(tokens_of(i) * factor, cap) - largest);
  return sum > 0 ? largest + std::log(sum) : 0;
}

token_distribution
token_distribution::blend(double weight,
                          const token_distribution& other) const noexcept {
  token_distribution result;
  for (size_t i = 0; i < buckets; ++i)
    result.shares_[i] =
      static_cast<float>(weight * shares_[i] + (1 - weight) * other.shares_[i]);
  return result;
}

token_distribution token_distribution::lognormal(double median,
                                                 double sigma) noexcept {
  token_distribution result;
  auto center = std::log(std::max(median, 1.0));
  auto below = [&](size_t i) { // P(tokens < lower edge of bucket i)
    auto edge = static_cast<double>(i) / 4 * std::log(2.0);
    return 0.5 * std::erfc((center - edge) / (sigma * std::sqrt(2.0)));
  };
  double done = 0;
  for (size_t i = 0; i < buckets; ++i) {
    auto until = i + 1 < buckets ? below(i + 1) : 1.0;
    result.shares_[i] = static_cast<float>(until - done);
    done = until;
  }
  return result;
}

void token_histogram::learn(double tokens) noexcept {
  if (!std::isfinite(tokens) || tokens < 0)
    return;
  counts_[token_distribution::bucket_of(tokens)] += static_cast<float>(unit_);
  total_ += unit_;
  unit_ *= std::exp2(1 / half_life_samples);
  if (unit_ < unit_max)
    return;
  for (auto& c : counts_)
    c = static_cast<float>(c / unit_);
  total_ /= unit_;
  unit_ = 1;
}

token_distribution
token_histogram::shrunk_to(const token_distribution& parent) const noexcept {
  token_distribution own;
  if (total_ <= 0)
    return parent;
  for (size_t i = 0; i < own.shares_.size(); ++i)
    own.shares_[i] = static_cast<float>(counts_[i] / total_);
  auto n = weight();
  return own.blend(n / (n + parent_samples), parent);
}

} // namespace troupe::runtime
