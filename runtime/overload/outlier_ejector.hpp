// Which workers of a model are left out for a while because they alone fail (as
// Envoy's outlier detection for consecutive errors).
#pragma once

#include "runtime/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::runtime {

struct ejection_settings {
  uint32_t failures_in_row = 5; ///< >= 1; so many eject.
  /// The n-th ejection takes n times `unit`, at most `cap`.
  duration unit{std::chrono::seconds{30}};
  /// Also the health after its return that sets a worker's n back.
  duration cap{std::chrono::minutes{5}};
  double share_max = 0.1; ///< [0, 1] of the workers, but always one of several.
};

/// Knows the workers that serve, by name; bounded by their number. A worker that
/// cannot be ejected, because too many are, stays and is ejected at its next
/// failure after there is room. O(workers) per failure. Not thread-safe.
class outlier_ejector {
public:
  explicit outlier_ejector(ejection_settings settings = {})
    : settings_{settings} {}

  /// Known already: no effect.
  void add(const std::string& worker);
  /// May let others return early, so that the limits hold for those that stay.
  void remove(std::string_view worker, mono_time now);

  /// Unknown workers are ignored, and so is what an ejected one still finishes.
  void succeeded(std::string_view worker, mono_time now);
  /// True if that ejects it.
  bool failed(std::string_view worker, mono_time now);

  /// Until when it is left out; nothing if it may serve.
  std::optional<mono_time> ejected_until(std::string_view worker,
                                         mono_time now) const;
  size_t ejected(mono_time now) const;
  size_t size() const noexcept { return workers_.size(); }
  /// max(1, share), but never all: how many may be out at once.
  size_t ejected_max() const noexcept;

private:
  struct record {
    uint32_t failures = 0;  ///< In a row.
    uint32_t ejections = 0; ///< Without health in between.
    mono_time out_until{};
    bool out(mono_time now) const noexcept { return now < out_until; }
  };
  record* serving(std::string_view worker, mono_time now);

  ejection_settings settings_;
  std::map<std::string, record, std::less<>> workers_;
};

} // namespace troupe::runtime
