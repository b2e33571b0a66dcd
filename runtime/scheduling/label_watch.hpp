// Whether answer lengths per label help at all (scheduling.md section 1): over
// the last 1,000 attempts it compares what the labels foretold with what came,
// and switches them off while they order jobs no better than chance.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/scheduling/calibration.hpp"

#include <cstddef>
#include <optional>

namespace troupe::runtime {

class label_watch {
public:
  static constexpr duration every = std::chrono::minutes{1};
  static constexpr size_t samples_min = 500;
  static constexpr double tau_off = 0.1; ///< Below it they go off ...
  static constexpr double tau_on = 0.15; ///< ... until they are above this.

  /// Seconds, > 0; others are ignored. `predicted` by label, also while off.
  void observe(double predicted, double real) { pairs_.add(predicted, real); }
  /// Any number of times; judges once a minute. Returns whether they are on.
  /// Without a tau (all predictions equal) everything stays as it is.
  bool review(mono_time now);
  bool on() const noexcept { return on_; }
  /// Of the latest judgement; nothing before the first.
  std::optional<double> tau() const noexcept { return tau_; }

private:
  calibration pairs_;
  bool on_ = true;
  std::optional<double> tau_;
  std::optional<mono_time> reviewed_at_;
};

} // namespace troupe::runtime
