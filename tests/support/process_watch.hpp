// What this process has started and what became of it, as the kernel sees it.
#pragma once

#include "runtime/clock.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

namespace troupe::tests {

/// Patience with the machine, not a measurement.
constexpr auto patience = std::chrono::seconds{60};

struct process_row {
  pid_t pid = 0;
  char state = 'Z';
};

/// This process's children, zombies included.
inline std::vector<process_row> children() {
  std::vector<process_row> found;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
    std::ifstream file{entry.path() / "stat"};
    std::string text;
    if (!std::getline(file, text))
      continue;
    // pid (name) state ppid ...; the name may hold anything.
    auto after = text.substr(text.rfind(')') + 2);
    if (std::atoi(after.c_str() + 2) == ::getpid())
      found.push_back({std::atoi(text.c_str()), after[0]});
  }
  return found;
}

inline bool alive(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text;
  return std::getline(file, text) && text.substr(text.rfind(')'))[2] != 'Z';
}

/// For what sends no wake-up.
inline bool eventually(auto condition) {
  auto& clock = runtime::system_clock();
  auto end = clock.mono() + patience;
  while (!condition()) {
    if (clock.mono() > end)
      return false;
    std::this_thread::yield();
  }
  return true;
}

/// Entries of a folder of /proc.
inline size_t entries(const char* folder) {
  std::filesystem::directory_iterator it{folder};
  return static_cast<size_t>(std::distance(begin(it), end(it)));
}

} // namespace troupe::tests
