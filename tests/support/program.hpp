// A program as a child process: what it prints is collected, and it can be
// signalled and waited for. Every wait has an end. Ends with the object.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <sys/types.h>

namespace troupe::tests {

class program {
public:
  /// `arguments[0]` is the path. Standard input is empty. `environment` is
  /// added to the test's own, as NAME=VALUE.
  explicit program(std::vector<std::string> arguments,
                   std::vector<std::string> environment = {});
  /// Kills it if it still runs.
  ~program();
  program(const program&) = delete;
  program& operator=(const program&) = delete;

  void signal(int number) const;
  /// The exit code, 128 + signal if one ended it; nothing after 60 s.
  std::optional<int> wait();

  std::string out() const;
  std::string err() const;
  /// Until standard output (or error) has `part`; false when it closes before,
  /// or after 60 s.
  bool out_has(const std::string& part);
  bool err_has(const std::string& part);

private:
  struct captured {
    std::string text;
    bool closed = false;
  };
  void collect(int fd, captured& to);
  bool has(captured& where, const std::string& part);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  captured out_;
  captured err_;
  pid_t pid_ = -1;
  std::optional<int> code_;
  std::thread out_reader_; // tidy: seams: reads a real child's pipes
  std::thread err_reader_; // tidy: seams: likewise
};

} // namespace troupe::tests
