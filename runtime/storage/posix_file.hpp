// The raw file calls of the store, in one place: small files that are locked,
// read whole, written in place or replaced atomically, and directories.
#pragma once

#include "runtime/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

/// An open file; closed with the object. Errors name the path and errno's text;
/// ENOSPC and EDQUOT are `disk_full`, everything else `io_error`.
class posix_file {
public:
  enum class mode { read, write, create }; ///< `create`: keeps what is there.

  static result<posix_file> open(std::string path, mode how);

  posix_file(posix_file&& other) noexcept;
  posix_file& operator=(posix_file&& other) noexcept;
  ~posix_file();

  /// Up to `size` bytes from `offset`; fewer at the end of the file.
  result<std::string> read(uint64_t offset, size_t size) const;
  result<void> write(uint64_t offset, std::string_view bytes);
  result<void> truncate(uint64_t size);
  /// fdatasync.
  result<void> sync();
  /// An exclusive advisory lock for as long as the file is open; false when
  /// another process has it.
  result<bool> try_lock();

private:
  posix_file(int fd, std::string path) noexcept
    : fd_{fd}, path_{std::move(path)} {}

  int fd_ = -1;
  std::string path_;
};

/// Writes `path` completely or not at all, durable before it returns.
result<void> replace_file(const std::string& path, std::string_view bytes);

/// Makes the names inside of a directory durable.
result<void> sync_directory(const std::string& path);

/// Creates the directory and its parents; fine when it exists.
result<void> make_directories(const std::string& path);

/// Names in the directory, sorted.
result<std::vector<std::string>> list_directory(const std::string& path);

bool file_exists(const std::string& path);

/// Bytes that this process may still write on the path's file system.
result<uint64_t> free_bytes(const std::string& path);

} // namespace troupe::runtime
