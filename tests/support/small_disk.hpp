// A disk of a few MiB that a test may fill: a tmpfs in a mount namespace of this
// process and its children, so that it is gone with them even when the test is
// killed.
#pragma once

#include <cstdint>
#include <filesystem>

namespace troupe::tests {

class small_disk {
public:
  /// Mounts on `path`, which it creates. Without root: not `mounted`.
  small_disk(std::filesystem::path path, uint32_t size_mib);
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;
  ~small_disk();

  bool mounted() const noexcept { return mounted_; }
  std::filesystem::path path(const char* name) const { return path_ / name; }
  /// False when the kernel refuses.
  bool grow(uint32_t size_mib) const;
  uint64_t free_bytes() const;
  /// Writes a file of its own until only `left` bytes are free; 0: until the
  /// disk takes nothing more.
  void fill(uint64_t left) const;
  void remove_filling() const;

private:
  std::filesystem::path path_;
  bool mounted_ = false;
};

} // namespace troupe::tests
