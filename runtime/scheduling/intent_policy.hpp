// Which models of an alias a request may use, in order, by what it wants
// (scheduling.md sections 6 "Load" and 8 "Intent"), and the switch that says
// when an accurate model is too loaded for it.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/job_words.hpp"
#include "runtime/scheduling/allocator_core.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace troupe::runtime {

/// On after `up_after` above the limit, off after max(10 s, 2 * load time)
/// below half of it; between them it stays as it is. One per model and limit.
class load_switch {
public:
  /// `limit` > 0, in the unit of the values (due drain: seconds).
  explicit load_switch(double limit) noexcept : limit_{limit} {}

  /// Any number of times a second; `value` NaN: as if nothing was measured.
  /// `load_time` of the model. Returns whether it is on.
  bool update(mono_time now, double value, duration load_time) noexcept;
  bool on() const noexcept { return on_; }

  static constexpr duration up_after{std::chrono::seconds{1}};
  static constexpr duration down_after_min{std::chrono::seconds{10}};

private:
  double limit_;
  bool on_ = false;
  /// Since when the value asks for the other state.
  std::optional<mono_time> since_;
};

/// A model of the alias, in the alias's order of preference.
struct alias_model {
  model_kind kind = model_kind::accurate;
  bool loaded = false; ///< Its load_switch (`accurate_high_s`) is on.
  bool served = true;  ///< A worker serves or loads it.
};

/// Indexes into `models`, best first; empty only if `models` is.
///   fast:     fast models; an alias that has none: as `accurate`
///   accurate: accurate models, loaded ones last; with all of them loaded, or
///             none there, the fast ones come first
///   explore:  experimental models that are served, then as `accurate`
/// An alias of experimental models alone gives them to every intent.
std::vector<size_t> allowed_models(request_intent intent,
                                   std::span<const alias_model> models);

} // namespace troupe::runtime
