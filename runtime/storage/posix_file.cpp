// tidy: seams: this is the seam for the store's own files
#include "runtime/storage/posix_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace troupe::runtime {
namespace {

failure failed(std::string_view what, const std::string& path, int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return fail(full ? errc::disk_full : errc::io_error,
              std::string{what} + " " + path + ": "
                + std::generic_category().message(error));
}

} // namespace

result<posix_file> posix_file::open(std::string path, mode how) {
  int flags = O_CLOEXEC;
  flags |= how == mode::read ? O_RDONLY : O_RDWR;
  flags |= how == mode::create ? O_CREAT : 0;
  const int fd = ::open(path.c_str(), flags, 0640);
  if (fd < 0)
    return failed("open", path, errno);
  return posix_file{fd, std::move(path)};
}

posix_file::posix_file(posix_file&& other) noexcept
  : fd_{std::exchange(other.fd_, -1)}, path_{std::move(other.path_)} {}

posix_file& posix_file::operator=(posix_file&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

posix_file::~posix_file() {
  if (fd_ >= 0)
    ::close(fd_);
}

result<std::string> posix_file::read(uint64_t offset, size_t size) const {
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < size) {
    const auto n = ::pread(fd_, bytes.data() + done, size - done,
                           static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return failed("read", path_, errno);
    if (n == 0)
      break;
    done += static_cast<size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

result<void> posix_file::write(uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n =
      ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return failed("write", path_, errno);
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

result<void> posix_file::truncate(uint64_t size) {
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0)
    return failed("truncate", path_, errno);
  return {};
}

result<void> posix_file::sync() {
  if (::fdatasync(fd_) != 0)
    return failed("sync", path_, errno);
  return {};
}

result<bool> posix_file::try_lock() {
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0)
    return true;
  if (errno == EWOULDBLOCK)
    return false;
  return failed("lock", path_, errno);
}

result<void> replace_file(const std::string& path, std::string_view bytes) {
  const auto fresh = path + ".new";
  auto file = posix_file::open(fresh, posix_file::mode::create);
  if (!file)
    return file.error();
  if (auto ok = file->truncate(0); !ok)
    return ok;
  if (auto ok = file->write(0, bytes); !ok)
    return ok;
  if (auto ok = file->sync(); !ok)
    return ok;
  if (::rename(fresh.c_str(), path.c_str()) != 0)
    return failed("rename", fresh, errno);
  return sync_directory(std::filesystem::path{path}.parent_path().string());
}

result<void> sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return failed("open", path, errno);
  const int status = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  if (status != 0)
    return failed("sync", path, error);
  return {};
}

result<void> make_directories(const std::string& path) {
  std::error_code ec;
  std::filesystem::create_directories(path, ec);
  if (ec)
    return failed("create directory", path, ec.value());
  return {};
}

result<std::vector<std::string>> list_directory(const std::string& path) {
  std::error_code ec;
  std::filesystem::directory_iterator it{path, ec};
  std::vector<std::string> names;
  for (; !ec && it != std::filesystem::directory_iterator{}; it.increment(ec))
    names.push_back(it->path().filename().string());
  if (ec)
    return failed("list", path, ec.value());
  std::sort(names.begin(), names.end());
  return names;
}

bool file_exists(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

result<uint64_t> free_bytes(const std::string& path) {
  struct statvfs found {};
  if (::statvfs(path.c_str(), &found) != 0)
    return failed("statvfs", path, errno);
  return uint64_t{found.f_bavail} * found.f_frsize;
}

} // namespace troupe::runtime
