// One child process in a process group of its own: started without fork, joined
// by a socket, its diagnostics in a pipe. Seam: the only place that starts,
// kills and reaps engines. Linux only (pidfd, closefrom).
#pragma once

#include "models/unique_fd.hpp"
#include "runtime/result.hpp"

#include <string>
#include <vector>

#include <sys/types.h>

namespace troupe::models {

/// The descriptor of the socket in the child.
constexpr int child_socket_fd = 3;

struct child_command {
  std::string executable;               ///< A path; PATH is not searched.
  std::vector<std::string> arguments;   ///< Without the program's name.
  std::vector<std::string> environment; ///< "NAME=value"; nothing else passes.
};

struct child_exit {
  bool signalled = false;
  int number = 0; ///< Exit status, or the signal.
  /// "exit status 1", "signal 11 (Segmentation fault)".
  std::string describe() const;
};

/// In the child: standard input is empty, standard output and error go to
/// `diagnostics`, descriptor 3 is the socket, and nothing else is open. Must be
/// reaped before it is destroyed.
class child_process {
public:
  /// `io_error` with what failed.
  static runtime::result<child_process> spawn(const child_command& command);

  child_process(child_process&&) noexcept = default;
  ~child_process();

  pid_t pid() const noexcept { return pid_; }
  int socket() const noexcept { return socket_.get(); } ///< Non-blocking.
  int diagnostics() const noexcept { return diagnostics_.get(); } ///< Same.
  /// Readable once the child has ended; -1 where the kernel has no pidfd (then
  /// the end of the socket is the only sign).
  int exit_fd() const noexcept { return exit_fd_.get(); }
  void close_diagnostics() noexcept { diagnostics_.reset(); }

  /// SIGKILL to the whole group. The child must not be reaped yet.
  void kill_group() const noexcept;
  /// Waits for the child's end; call `kill_group` before. Once.
  child_exit reap() noexcept;

private:
  child_process() = default;

  struct owned_pid {
    pid_t value = 0;
    owned_pid() = default;
    owned_pid(owned_pid&& other) noexcept
      : value{std::exchange(other.value, 0)} {}
    operator pid_t() const noexcept { return value; }
  };
  owned_pid pid_; ///< 0: nothing to reap.
  unique_fd socket_;
  unique_fd diagnostics_;
  unique_fd exit_fd_;
};

} // namespace troupe::models
