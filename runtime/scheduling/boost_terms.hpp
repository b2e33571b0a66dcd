// The numbers that turn a job's size into its place in the queue: how strongly
// to prefer short jobs (gamma), how far a job may be pulled or pushed (the
// limit), and the boost of a job of average size. One set per model, published
// by its dispatcher, so that all shards agree.
//
// gamma-Boost in its label form: Yu and Scully, "Strongly Tail-Optimal
// Scheduling in the Light-Tailed M/G/1", arXiv 2404.08826. gamma is not theirs
// but tied to the observed backlog: a queue that drains in V seconds has room to
// reorder within about V.
#pragma once

#include "runtime/clock.hpp"

#include <optional>

namespace troupe::runtime {

struct boost_settings {
  double boost_m = 0.3;  ///< gamma = m / max(V, mean size). > 0; 0: by arrival.
  double clamp_nats = 4; ///< The limit is at most this over gamma; > 0.
  duration limit_max{std::chrono::seconds{600}};
  duration backlog_ewma{std::chrono::seconds{600}}; ///< Of V; > 0.
};

struct key_terms {
  double gamma = 0;    ///< Per second; 0: the order of arrival.
  double limit_s = 0;  ///< B: no boost is larger, either way.
  double beta_ref = 0; ///< beta of a job of average size, known exactly.
  double capacity = 1; ///< k: slots times speed; work / k = S. > 0.
};

/// beta = ln(M / (M - 1)) for ln M = `log_mgf`, in logs: finite for any M > 1.
/// Larger for smaller jobs; infinite at 0, zero at infinity.
double boost_exponent(double log_mgf) noexcept;

class boost_terms {
public:
  explicit boost_terms(boost_settings settings) : settings_{settings} {}

  /// Predicted work of an arriving job, seconds of one slot. Other than finite
  /// and > 0: ignored.
  void observe_work(double seconds) noexcept;
  /// Seconds until what is due would be done. Sampled whenever convenient: the
  /// average is over time. Other than finite and >= 0: ignored.
  void observe_drain(double seconds, mono_time now) noexcept;
  /// Goes on from an average that somebody else had; else as `observe_drain`.
  void resume_drain(double seconds, mono_time now) noexcept;

  /// `capacity` > 0, else 1 is used.
  key_terms terms(double capacity) const noexcept;

  double mean_work_s() const noexcept { return mean_work_s_; }
  double drain_s() const noexcept { return drain_s_.value_or(0); }

private:
  boost_settings settings_;
  double mean_work_s_ = 0;
  double samples_ = 0;
  std::optional<double> drain_s_;
  mono_time drain_from_{}; ///< Until a whole window has passed, the plain mean.
  mono_time drain_at_{};
};

} // namespace troupe::runtime
