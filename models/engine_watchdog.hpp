// Decides when an engine counts as lost: no heartbeat, or heartbeats without a
// step while a slot is busy. Told what happened and the time; owns no clock.
#pragma once

#include "runtime/clock.hpp"

#include <cstdint>
#include <string>

namespace troupe::models {

struct watchdog_config {
  /// Longest silence of the engine, loading included. > 0.
  runtime::duration heartbeat_timeout = std::chrono::seconds{10};
  /// Longest time without a step while a slot is busy (`engine.hang_s_max`).
  /// > 0.
  runtime::duration hang_max = std::chrono::seconds{30};
  /// Longest time from `started` to `ready`. > 0.
  runtime::duration load_max = std::chrono::seconds{600};
};

enum class engine_verdict : uint8_t { healthy, no_heartbeat, hung, load_stuck };

/// For people: "no heartbeat for 10 s".
std::string describe(engine_verdict verdict, const watchdog_config& config);

/// Silent until `started`. Times must not go back. Call `observe` at each look,
/// at `next_check` at the latest: a longer gap means that the observer itself
/// stood still (a stopped process, a suspended machine) and is not held against
/// the engine.
class engine_watchdog {
public:
  explicit engine_watchdog(watchdog_config config = {}) noexcept
    : config_{config} {}

  /// The engine was started: its first heartbeat is due from here.
  void started(runtime::mono_time now) noexcept;
  /// It has loaded; from here on a busy slot demands steps.
  void ready(runtime::mono_time now) noexcept;
  /// The engine said `steps`. Growth counts as progress.
  void beat(uint64_t steps, runtime::mono_time now) noexcept;
  /// Output or an end: progress without a number.
  void progress(runtime::mono_time now) noexcept;
  /// How many attempts the engine has. From none to some restarts the limit.
  void occupied(uint32_t slots, runtime::mono_time now) noexcept;

  void observe(runtime::mono_time now) noexcept;
  engine_verdict check(runtime::mono_time now) const noexcept;
  /// When to look again without news from the engine; `mono_time::max()` before
  /// `started`.
  runtime::mono_time next_check() const noexcept;

private:
  watchdog_config config_;
  bool started_ = false;
  bool ready_ = false;
  uint32_t slots_ = 0;
  uint64_t steps_ = 0;
  runtime::mono_time heard_at_{};
  runtime::mono_time moved_at_{};
  runtime::mono_time started_at_{};
  runtime::mono_time observed_at_{};
};

} // namespace troupe::models
