// Ctrl-C and SIGTERM as a descriptor that becomes readable: what a command waits
// on beside its connection. Only for client commands; a node has signal_wait.
#pragma once

namespace troupe::cluster {

/// At most one at a time. The first signal makes `fd` readable for good; the
/// second one ends the process as if there were no handler.
class interrupt {
public:
  interrupt();
  ~interrupt();
  interrupt(const interrupt&) = delete;
  interrupt& operator=(const interrupt&) = delete;

  int fd() const noexcept { return ends_[0]; }

private:
  int ends_[2] = {-1, -1};
};

} // namespace troupe::cluster
