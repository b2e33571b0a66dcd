// The thread of the composed ceiling: collects whatever arrived during the last
// sync, commits it in one synced write, then reports all of it with one call.
#pragma once

#include "tests/bench/job_log.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace troupe::bench {

class group_commit {
public:
  using on_durable = std::function<void(std::vector<uint64_t> tickets)>;

  group_commit(const std::string& dir, on_durable report);
  ~group_commit();

  /// Thread-safe; wakes the thread only when it sleeps.
  void add(uint64_t ticket, std::string record);

private:
  void run();

  job_log log_;
  on_durable report_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<uint64_t> tickets_;
  std::vector<std::string> records_;
  bool stopping_ = false;
  std::thread thread_; // tidy: seams: the ceiling is threads and nothing else.
};

} // namespace troupe::bench
