// A store's directory: who may use it, which format it has, and what must not
// be in it. Opened before the database, so that every refusal says what is
// wrong and where.
//
//     <directory>/LOCK        held while a process uses it; its process id
//     <directory>/FORMAT      "troupe-store 1\nshards 64\n"
//     <directory>/HIGH_WATER  see high_water.hpp
//     <directory>/db/         the database
#pragma once

#include "runtime/result.hpp"
#include "runtime/storage/high_water.hpp"
#include "runtime/storage/posix_file.hpp"

#include <cstdint>
#include <string>

namespace troupe::runtime {

class data_directory {
public:
  static constexpr uint32_t format_version = 1;

  /// Creates what is missing in an empty directory. Refuses with
  /// - `config_invalid`: no directory, no permission, files of somebody else,
  ///   or made for another number of shards;
  /// - `storage_unavailable`: another process uses it;
  /// - `unsupported`: written by a newer build;
  /// - `corruption`: a file of the store is damaged or missing.
  static result<data_directory> open(const std::string& path, uint16_t shards);

  const std::string& path() const noexcept { return path_; }
  std::string database_path() const { return path_ + "/db"; }
  /// No commit was ever marked here: the database may be created.
  bool may_create_database() const noexcept {
    return high_water_.marks().empty();
  }
  high_water_file& high_water() noexcept { return high_water_; }

private:
  data_directory(std::string path, posix_file lock, high_water_file high_water)
    : path_{std::move(path)}, lock_{std::move(lock)}, high_water_{std::move(
                                                        high_water)} {}

  std::string path_;
  posix_file lock_;
  high_water_file high_water_;
};

} // namespace troupe::runtime
