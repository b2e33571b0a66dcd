// The process's signals as values: the main thread waits here while everything
// else runs. Blocks the signals for all threads started afterwards.
#pragma once

#include "runtime/clock.hpp"

#include <atomic>

namespace troupe::cluster {

enum class stop_signal { none, interrupt, terminate };

class signal_wait {
public:
  /// Call on the main thread before any other thread exists. Also ignores
  /// SIGPIPE.
  signal_wait();
  /// SIGINT or SIGTERM, or `none` after `limit`.
  stop_signal wait(runtime::duration limit);
};

} // namespace troupe::cluster
