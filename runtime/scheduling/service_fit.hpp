// How long a slot is busy with a job, as a + b * input tokens + c * output
// tokens, learnt from every attempt: least squares with exponential forgetting,
// held to the prior where the jobs seen say nothing. In information form (sums,
// solved anew), because the usual recursion winds up when all jobs look alike.
#pragma once

#include <array>
#include <cstdint>

namespace troupe::runtime {

struct service_coefficients {
  double base_s = 0.01;          ///< a, >= 0.
  double input_token_s = 0.0002; ///< b, >= 0.
  double output_token_s = 0.02;  ///< c, >= 0.

  double at(double input_tokens, double output_tokens) const noexcept {
    return base_s + input_token_s * input_tokens
           + output_token_s * output_tokens;
  }
};

class service_fit {
  friend class cost_model_codec;

public:
  explicit service_fit(service_coefficients prior = {}) noexcept;

  struct sample {
    double input_tokens = 0;  ///< >= 0
    double output_tokens = 0; ///< >= 0
    double seconds = 0;       ///< On a slot of speed 1, >= 0.
  };
  /// False: ignored, because it is no number, or 20 times off what is known.
  /// The 20th of those in a row is believed: the model changed.
  bool learn(const sample& s) noexcept;

  /// From now on holds to this prior; what was learnt stays.
  void rebase(service_coefficients prior) noexcept;

  /// Never negative.
  service_coefficients coefficients() const noexcept;
  uint64_t samples() const noexcept { return samples_; }

private:
  using row = std::array<double, 3>;
  void forget_all() noexcept;
  void solve() noexcept;

  row prior_;
  row theta_;
  std::array<row, 3> squares_{}; ///< Sum of x x', forgotten.
  row products_{};               ///< Sum of x y, forgotten.
  uint64_t samples_ = 0;
  uint32_t strays_ = 0;
};

} // namespace troupe::runtime
