// The attempts that left their slots at workers: which one returns first to
// which worker. Each belongs to the worker that parked it and keeps its key.
#pragma once

#include "runtime/scheduling/worker_slots.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace troupe::runtime {

class parked_attempts {
public:
  /// Replaces an entry of the same attempt.
  void add(const std::string& worker, attempt_id id,
           const running_attempt& what);
  /// Nothing if it is not parked there.
  std::optional<running_attempt> take(const std::string& worker, attempt_id id);
  /// All of a worker; none are left.
  std::vector<std::pair<attempt_id, running_attempt>>
  drop(const std::string& worker);

  struct entry {
    std::string worker;
    attempt_id id;
    int64_t key = 0;
  };
  /// Of each worker the one with the smallest key; ties by attempt.
  std::vector<entry> firsts() const;
  size_t at(const std::string& worker) const;
  size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// Work that is left of them by their predictions, seconds of a slot.
  double work_s() const;

private:
  using place = std::pair<int64_t, attempt_id>;
  std::map<std::string, std::map<place, running_attempt>> workers_;
  size_t size_ = 0;
};

} // namespace troupe::runtime
