// A server under test as a real process: started, found by its `listening`
// line, measured through /proc, stopped or killed.
#pragma once

#include "tests/bench/stopwatch.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::bench {

class child_process {
public:
  /// Starts `argv[0]`; its standard error goes to `log_path` (appended).
  child_process(std::vector<std::string> argv, const std::string& log_path);
  /// SIGKILL when it still runs.
  ~child_process();
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  /// Reads standard output until the `listening` line. Throws
  /// std::runtime_error when the process ends or `limit_s` passes first.
  void await_listening(double limit_s = 30.0);
  uint16_t gateway_port() const noexcept { return gateway_port_; }
  uint16_t admin_port() const noexcept { return admin_port_; } ///< 0: none.
  instant started_at() const noexcept { return started_at_; }
  const std::vector<std::string>& arguments() const noexcept { return argv_; }

  /// VmRSS in bytes; 0 when it is gone.
  uint64_t resident_bytes() const;
  /// What it caused to be written to disks so far; 0 when it is gone.
  uint64_t written_bytes() const;
  /// User plus system time so far, seconds.
  double cpu_seconds() const;
  bool running();
  void kill();
  /// SIGTERM, then SIGKILL after `limit_s`. The exit status as wait gives it.
  int stop(double limit_s = 15.0);
  /// Its end without a signal; SIGKILL after `limit_s`. The same status.
  int await_exit(double limit_s = 60.0);

private:
  std::vector<std::string> argv_;
  pid_t pid_ = -1;
  int out_ = -1;
  std::string printed_;
  instant started_at_{};
  uint16_t gateway_port_ = 0;
  uint16_t admin_port_ = 0;
};

/// A new empty directory on the disk under `parent`, removed at the end.
class scratch_dir {
public:
  explicit scratch_dir(const std::string& parent);
  ~scratch_dir();
  scratch_dir(const scratch_dir&) = delete;
  scratch_dir& operator=(const scratch_dir&) = delete;
  const std::string& path() const noexcept { return path_; }
  std::string sub(const std::string& name) const { return path_ + '/' + name; }

private:
  std::string path_;
};

/// The path of this executable.
std::string own_executable();

} // namespace troupe::bench
