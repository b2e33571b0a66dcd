// How often produced tokens travel: the first of an attempt at once, then when
// 20 ms have passed or 16 tokens are held (docs/architecture.md, step 6). One
// rule for every engine, so that streams look alike.
#pragma once

#include "runtime/clock.hpp"

#include <cstdint>

namespace troupe::models {

class output_pace {
public:
  static constexpr uint32_t tokens_max = 16;
  static constexpr runtime::duration interval = std::chrono::milliseconds{20};

  /// True when `held` tokens that wait since the last flush should go now.
  bool due(uint32_t held, runtime::mono_time now) const noexcept {
    return held > 0 && (!begun_ || held >= tokens_max || now >= ready_at());
  }
  /// Before the first flush: any time. Afterwards: when held tokens must go.
  runtime::mono_time ready_at() const noexcept {
    return begun_ ? flushed_at_ + interval : runtime::mono_time::min();
  }
  void flushed(runtime::mono_time now) noexcept {
    begun_ = true;
    flushed_at_ = now;
  }
  bool begun() const noexcept { return begun_; }

private:
  bool begun_ = false;
  runtime::mono_time flushed_at_{};
};

} // namespace troupe::models
