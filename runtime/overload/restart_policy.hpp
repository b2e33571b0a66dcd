// When a supervised child may be started again: its restart mode, the sliding
// windows that bound restarts, and the delay before each. Plain values; used by
// supervision_plan and by whatever restarts an engine process.
#pragma once

#include "runtime/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace troupe::runtime {

/// Which ends of a child call for a restart (as in Erlang/OTP's supervisor).
enum class restart_mode : uint8_t {
  permanent = 1, ///< Always.
  transient,     ///< After a crash; a normal end is final.
  temporary      ///< Never.
};

enum class exit_kind : uint8_t {
  normal = 1, ///< It had nothing left to do.
  crash       ///< Error, exception, kill, or a start that failed.
};

/// permanent transient temporary.
std::string_view to_string(restart_mode mode) noexcept;

/// True if a child of this mode is to be started again after that end.
bool calls_for_restart(restart_mode mode, exit_kind how) noexcept;

/// At most `restarts_max` restarts in any span of `window`.
struct restart_intensity {
  uint32_t restarts_max = 5; ///< 1..1000; the memory of a window.
  duration window{std::chrono::seconds{30}};
};

constexpr restart_intensity child_intensity{5, std::chrono::seconds{30}};
constexpr restart_intensity supervisor_intensity{15, std::chrono::seconds{60}};
constexpr restart_intensity root_intensity{3, std::chrono::seconds{60}};

/// A sliding window over the times for which restarts were granted. Times may be
/// granted out of order and ahead of now (a restart counts when it happens, not
/// when it is decided, so a long delay does not hide it).
class restart_window {
public:
  explicit restart_window(restart_intensity limit) noexcept;

  /// Would one more restart at `at` keep every span of the window's length
  /// within the limit?
  bool permits(mono_time at) const;
  /// Counts a restart at `at`; forgets those that end before `now` - window.
  void grant(mono_time at, mono_time now);
  /// Restarts in (`now` - window, for ever), including planned ones.
  size_t used(mono_time now) const noexcept;
  void clear() noexcept { granted_.clear(); }

private:
  restart_intensity limit_;
  std::vector<mono_time> granted_; ///< Ascending.
};

/// min(first * 2^n, cap) * (1 + U(0, 0.2)).
struct backoff_range {
  duration first;
  duration cap;
  /// Health for this long sets n back to 0: (first + cap) / 2.
  constexpr duration healthy_after() const noexcept {
    return (first + cap) / 2;
  }
};

constexpr backoff_range actor_backoff{std::chrono::milliseconds{200},
                                      std::chrono::seconds{30}};
constexpr backoff_range engine_backoff{std::chrono::seconds{2},
                                       std::chrono::minutes{5}};

/// The delays of one child.
class restart_backoff {
public:
  explicit restart_backoff(backoff_range range) noexcept : range_{range} {}

  /// The child came up.
  void started(mono_time now) noexcept;
  /// The child went down for a reason that is not its own.
  void stopped(mono_time now) noexcept;
  /// The child went down; returns how long to wait before it starts again.
  /// `random` in [0, 1). A child that never came up was not healthy.
  duration next_delay(mono_time now, double random) noexcept;
  void reset() noexcept;
  /// Failures since it was last healthy.
  uint32_t failures() const noexcept { return failures_; }

private:
  backoff_range range_;
  uint32_t failures_ = 0;
  bool up_ = false;
  mono_time up_since_{};
};

} // namespace troupe::runtime
