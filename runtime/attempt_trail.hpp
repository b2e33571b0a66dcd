// Every attempt of a job, told from its stored events: where it ran, when, and
// why it ended. Pure; feed it the events in order, in pages if there are many.
#pragma once

#include "runtime/job.hpp"

#include <optional>
#include <string>
#include <vector>

namespace troupe::runtime {

struct past_attempt {
  uint32_t attempt = 0; ///< From 1.
  std::string model;
  std::string worker; ///< "<model>/<index>@<node>".
  wall_time started_at{};
  wall_time ended_at{};           ///< Zero: it runs.
  std::optional<failure> error{}; ///< Nothing: it runs, or ended with a result.
  friend bool operator==(const past_attempt&, const past_attempt&) = default;
};

class attempt_trail {
public:
  void add(const event& x);
  /// In order of their start.
  const std::vector<past_attempt>& attempts() const noexcept {
    return attempts_;
  }

private:
  void close(wall_time at, std::optional<failure> error);

  std::vector<past_attempt> attempts_;
  bool running_ = false;
};

} // namespace troupe::runtime
