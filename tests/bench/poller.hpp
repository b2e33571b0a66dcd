// One epoll set and the loop around it: the load generator's whole machinery.
// Single-threaded; what is registered must outlive its registration, and is
// never destroyed from inside a callback.
#pragma once

#include "tests/bench/stopwatch.hpp"

#include <cstdint>

namespace troupe::bench {

class pollable {
public:
  virtual ~pollable() = default;
  /// `events` as epoll reports them.
  virtual void on_ready(uint32_t events) = 0;
};

class poller {
public:
  poller();
  ~poller();
  poller(const poller&) = delete;
  poller& operator=(const poller&) = delete;

  /// Readable events of `fd` go to `target` until `remove`.
  void add(int fd, pollable& target);
  void remove(int fd);
  /// Waits for events, at most until `deadline`, and serves one batch of them.
  void poll_until(instant deadline);

private:
  int epoll_ = -1;
};

} // namespace troupe::bench
