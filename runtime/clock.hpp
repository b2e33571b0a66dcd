// The one way to read time. Production reads the system's clocks; tests and the
// simulation pass their own, so that nothing depends on how fast a machine is.
#pragma once

#include <chrono>

namespace troupe::runtime {

using duration = std::chrono::microseconds;

/// Never goes back; for deadlines and measurements.
using mono_time = std::chrono::time_point<std::chrono::steady_clock, duration>;

/// UTC; may jump. For ids, records and what people read.
using wall_time = std::chrono::time_point<std::chrono::system_clock, duration>;

class clock {
public:
  virtual ~clock() = default;
  virtual mono_time mono() const noexcept = 0;
  virtual wall_time wall() const noexcept = 0;
};

/// The machine's clocks. Stateless; lives for ever.
const clock& system_clock() noexcept;

/// A clock that moves only when told. Not thread-safe.
class manual_clock final : public clock {
public:
  /// Starts one hour after zero, and at 2026-01-01T00:00:00Z on the wall.
  manual_clock() noexcept;
  mono_time mono() const noexcept override { return mono_; }
  wall_time wall() const noexcept override { return wall_; }
  /// Moves both. `by` >= 0.
  void advance(duration by) noexcept;
  /// Jumps the wall clock alone, in either direction.
  void skew_wall(duration by) noexcept { wall_ += by; }

private:
  mono_time mono_;
  wall_time wall_;
};

inline int64_t to_us(wall_time t) noexcept {
  return t.time_since_epoch().count();
}
inline wall_time wall_from_us(int64_t us) noexcept {
  return wall_time{duration{us}};
}

} // namespace troupe::runtime
