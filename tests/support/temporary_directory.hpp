// A directory that is gone with the object.
#pragma once

#include <filesystem>
#include <string>

namespace troupe::tests {

class temporary_directory {
public:
  temporary_directory();
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory();

  const std::filesystem::path& path() const noexcept { return path_; }
  std::string str(const std::string& name) const {
    return (path_ / name).string();
  }

private:
  std::filesystem::path path_;
};

} // namespace troupe::tests
