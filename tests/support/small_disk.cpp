#include "tests/support/small_disk.hpp"

#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>

namespace troupe::tests {
namespace fs = std::filesystem;

namespace {

constexpr const char* filling = "filling";

std::string size_option(uint32_t size_mib) {
  return "size=" + std::to_string(size_mib) + "m";
}

/// Mounts of this process are seen by its children and nobody else.
bool own_mounts() {
  return ::unshare(CLONE_NEWNS) == 0
         && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

} // namespace

small_disk::small_disk(fs::path path, uint32_t size_mib)
  : path_{std::move(path)} {
  fs::create_directories(path_);
  mounted_ = own_mounts()
             && ::mount("tmpfs", path_.c_str(), "tmpfs", 0,
                        size_option(size_mib).c_str())
                  == 0;
}

small_disk::~small_disk() {
  if (mounted_)
    ::umount2(path_.c_str(), MNT_DETACH);
}

bool small_disk::grow(uint32_t size_mib) const {
  return ::mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT,
                 size_option(size_mib).c_str())
         == 0;
}

uint64_t small_disk::free_bytes() const {
  return fs::space(path_).available;
}

void small_disk::fill(uint64_t left) const {
  std::ofstream file{path_ / filling, std::ios::binary | std::ios::app};
  const std::string block(64 * 1024, '\0');
  for (auto free = free_bytes(); file && (free > left || left == 0);
       free = free_bytes()) {
    // A stream that cannot write a byte has filled the last page.
    const auto wanted = left == 0 ? block.size() : free - left;
    file.write(block.data(),
               static_cast<std::streamsize>(std::min(block.size(), wanted)));
    file.flush();
  }
}

void small_disk::remove_filling() const {
  fs::remove(path_ / filling);
}

} // namespace troupe::tests
