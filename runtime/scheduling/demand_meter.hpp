// What a model needs, measured by its dispatcher each second: how much work
// arrives and waits, how many workers that asks for (the signal for an external
// autoscaler), and whether an accurate model is too loaded for its kind of
// request (scheduling.md sections 6 "Load" and 8).
#pragma once

#include "runtime/clock.hpp"
#include "runtime/scheduling/intent_policy.hpp"
#include "runtime/scheduling/scale_signal.hpp"

#include <cstdint>
#include <optional>

namespace troupe::runtime {

struct demand_settings {
  scale_limits scale;
  double accurate_high_s = 10; ///< Of due drain; > 0.
  duration arrival_ewma{std::chrono::seconds{30}};
  /// Used until a worker says how many slots it has; >= 1.
  uint32_t worker_slots = 1;
};

struct demand_inputs {
  double due_s = 0;     ///< Due work that waits, seconds of one slot.
  double running_s = 0; ///< Predicted rest of what runs.
  uint32_t slots = 0;   ///< Of all serving workers.
  uint32_t workers = 0; ///< That serve.
  duration load_time{0};
};

struct model_demand {
  double work_s = 0; ///< Due and running, seconds of one slot.
  double arriving_per_s = 0;
  double worker_speed = 1; ///< Slots times speed of one worker.
  uint32_t desired_workers = 0;
  bool loaded = false; ///< Its load_switch is on.
};

/// Not thread-safe. Soft state: a successor starts from nothing.
class demand_meter {
public:
  explicit demand_meter(demand_settings settings) noexcept;

  /// Predicted work of jobs that were admitted. Other than finite and > 0:
  /// ignored.
  void arrived(double work_s) noexcept;
  /// Any number of times a second.
  model_demand measure(mono_time now, const demand_inputs& in) noexcept;
  /// Something is left that time alone will change: measure again.
  bool changing() const noexcept;

private:
  void average(mono_time now) noexcept;

  demand_settings settings_;
  load_switch load_;
  double pending_s_ = 0; ///< Arrived since `averaged_at_`.
  double rate_ = 0;
  std::optional<mono_time> averaged_at_;
  model_demand latest_;
};

} // namespace troupe::runtime
