// Decides when an engine counts as lost: no heartbeat, or heartbeats without a
// step while a slot is busy. Told what happened and the time; owns no clock.
#pragma once

#include "runtime/clock.hpp"

#include <cstdint>

namespace troupe::models {

struct watchdog_config {
  /// Longest silence of the engine, loading included. > 0.
  runtime::duration heartbeat_timeout = std::chrono::seconds{10};
  /// Longest time without a step while a slot is busy (`engine.hang_s_max`).
  /// > 0.
  runtime::duration hang_max = std::chrono::seconds{30};
};

enum class engine_verdict : uint8_t { healthy, no_heartbeat, hung };

/// Silent until `started`. Times must not go back.
class engine_watchdog {
public:
  explicit engine_watchdog(watchdog_config config = {}) noexcept
    : config_{config} {}

  /// The engine was started: its first heartbeat is due from here.
  void started(runtime::mono_time now) noexcept;
  /// The engine said `steps`. Growth counts as progress.
  void beat(uint64_t steps, runtime::mono_time now) noexcept;
  /// Output, an end, a load: progress without a number.
  void progress(runtime::mono_time now) noexcept;
  /// How many attempts the engine has. From none to some restarts the limit.
  void occupied(uint32_t slots, runtime::mono_time now) noexcept;

  engine_verdict check(runtime::mono_time now) const noexcept;
  /// The earliest time at which `check` can change without news from the
  /// engine; `mono_time::max()` before `started`.
  runtime::mono_time next_check() const noexcept;

private:
  watchdog_config config_;
  bool started_ = false;
  uint32_t slots_ = 0;
  uint64_t steps_ = 0;
  runtime::mono_time heard_at_{};
  runtime::mono_time moved_at_{};
};

} // namespace troupe::models
