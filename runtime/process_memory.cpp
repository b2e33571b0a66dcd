#include "runtime/process_memory.hpp"

#include <algorithm>
#include <fstream>
#include <string>

#include <unistd.h>

namespace troupe::runtime {
namespace {

/// The first number of the file; 0 if there is none.
uint64_t number_in(const std::string& path) {
  std::ifstream file{path}; // tidy: seams: /proc and /sys, which never wait
  uint64_t value = 0;
  return file >> value ? value : 0;
}

void keep_least(uint64_t& least, uint64_t limit) {
  if (limit > 0)
    least = least == 0 ? limit : std::min(least, limit);
}

/// "0::/a/b" of /proc/self/cgroup, version 2: the limits of /a/b and above.
void limit_by_cgroup(uint64_t& least) {
  std::ifstream file{"/proc/self/cgroup"}; // tidy: seams: as above
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("0::/"))
      continue;
    auto path = line.substr(3);
    for (;; path.resize(path.rfind('/'))) {
      keep_least(least, number_in("/sys/fs/cgroup" + path + "/memory.max"));
      if (path.find('/') == std::string::npos)
        break;
    }
  }
  keep_least(least, number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
}

} // namespace

uint64_t resident_bytes() {
  std::ifstream file{"/proc/self/statm"}; // tidy: seams: as above
  uint64_t total = 0;
  uint64_t resident = 0;
  if (!(file >> total >> resident))
    return 0;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t memory_bytes_available() {
  uint64_t least = 0;
  auto pages = sysconf(_SC_PHYS_PAGES);
  if (pages > 0)
    keep_least(least, static_cast<uint64_t>(pages)
                        * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
  limit_by_cgroup(least);
  return least;
}

} // namespace troupe::runtime
