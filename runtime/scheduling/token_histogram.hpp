// How many tokens answers of one kind have: a histogram over the logarithm, in
// which a sample counts half after 2,000 more.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace troupe::runtime {

/// Shares of answers by length; sums to 1.
class token_distribution {
public:
  static constexpr size_t buckets =
    96; ///< 1 token to 2^24, in steps of 2^(1/4).

  /// The tokens that stand for a bucket: its geometric middle, at least 1.
  static double tokens_of(size_t bucket) noexcept;
  static size_t bucket_of(double tokens) noexcept;

  double share(size_t bucket) const noexcept { return shares_[bucket]; }
  /// E[min(tokens, cap) * factor]; `cap` >= 1 binds after `factor`, which is > 0.
  double mean(double cap, double factor) const noexcept;
  /// The least length with at least `q` of the mass at or below it. 0 < q < 1.
  double quantile(double q, double cap, double factor) const noexcept;
  /// ln E[e^(rate * min(tokens * factor, cap))]; rate >= 0. Never overflows.
  double log_mgf(double rate, double cap, double factor) const noexcept;

  /// The mass of `weight` of this and 1 - `weight` of the other.
  token_distribution blend(double weight,
                           const token_distribution& other) const noexcept;
  /// Log-normal with that median and that standard deviation of the logarithm.
  static token_distribution lognormal(double median, double sigma) noexcept;

private:
  friend class token_histogram;
  std::array<float, buckets> shares_{};
};

class token_histogram {
  friend class cost_model_codec;

public:
  void learn(double tokens) noexcept;
  /// Samples that still count; at most about 2,885.
  double weight() const noexcept { return total_ / unit_; }
  /// What was seen, with `parent` counting as 50 samples.
  token_distribution shrunk_to(const token_distribution& parent) const noexcept;

private:
  std::array<float, token_distribution::buckets> counts_{};
  double total_ = 0;
  double unit_ =
    1; ///< What the next sample adds; grows instead of old counts shrinking.
};

} // namespace troupe::runtime
