// Remembers, outside of RocksDB, how far each shard had come. RocksDB's
// point-in-time recovery stops without a word at the first bad log record, so a
// damaged log looks like a shorter history; the mark tells the two apart.
#pragma once

#include "runtime/ids.hpp"
#include "runtime/result.hpp"
#include "runtime/storage/posix_file.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace troupe::runtime {

/// A synced commit of a shard.
struct shard_mark {
  uint64_t epoch = 0;
  uint64_t seq = 0;
  uint32_t line_crc = 0; ///< CRC-32C of that commit's operations.
  friend bool operator==(const shard_mark&, const shard_mark&) = default;
};
using shard_marks = std::map<shard_id, shard_mark>;

/// The file itself: two slots written in turn, so that a torn write leaves the
/// older one. Not thread-safe.
class high_water_file {
public:
  /// Writes a file without marks.
  static result<void> create(const std::string& path);
  /// `corruption` when neither slot is whole.
  static result<high_water_file> open(const std::string& path);

  const shard_marks& marks() const noexcept { return marks_; }
  /// Writes and syncs the slot that is not the newest.
  result<void> write(const shard_marks& marks);

private:
  explicit high_water_file(posix_file file) noexcept : file_{std::move(file)} {}

  posix_file file_;
  uint64_t generation_ = 0;
  shard_marks marks_;
};

} // namespace troupe::runtime
