// The bench's clocks. Everything here measures real time on purpose: latencies
// on the monotonic clock, event ages against the wall clock of the same box.
#pragma once

#include <chrono>
#include <cstdint>

namespace troupe::bench {

using nanos = std::chrono::nanoseconds;
using instant = std::chrono::time_point<std::chrono::steady_clock, nanos>;

inline instant now() {
  // tidy: seams: a bench measures real time.
  return std::chrono::steady_clock::now();
}

/// Unix time in microseconds, as events carry it.
inline int64_t wall_us() {
  // tidy: seams: a bench measures real time.
  const auto t = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(t).count();
}

inline nanos from_seconds(double s) {
  return nanos{static_cast<int64_t>(s * 1e9)};
}

inline double to_seconds(nanos d) {
  return static_cast<double>(d.count()) / 1e9;
}

inline double to_ms(nanos d) {
  return static_cast<double>(d.count()) / 1e6;
}

} // namespace troupe::bench
