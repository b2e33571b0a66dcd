// Writes the high-water marks at most one second after a commit, on a thread of
// its own, so that the mark's sync is never in a commit's way.
#pragma once

#include "runtime/storage/high_water.hpp"
#include "runtime/storage/rocksdb_layout.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>

namespace troupe::runtime {

class high_water_writer {
public:
  /// `before_write` runs on the thread before each write and makes sure that
  /// what is about to be marked is durable. `file` outlives the writer.
  high_water_writer(high_water_file& file,
                    std::function<result<void>()> before_write);
  high_water_writer(const high_water_writer&) = delete;
  high_water_writer& operator=(const high_water_writer&) = delete;
  /// Writes what is outstanding.
  ~high_water_writer();

  /// The shards have come this far.
  void note(std::span<const ledger_line::entry> commits);

  /// The shard was acquired; where it ends does not change.
  void note_epoch(shard_id shard, uint64_t epoch);

  /// The first error; nothing is written after it.
  std::optional<failure> error() const;

private:
  void run();
  void wake(std::unique_lock<std::mutex> lock);

  high_water_file& file_;
  std::function<result<void>()> before_write_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  shard_marks marks_;
  bool dirty_ = false;
  bool stop_ = false;
  std::optional<failure> error_;
  std::thread thread_; // tidy: seams: the store's own thread, see above
};

} // namespace troupe::runtime
