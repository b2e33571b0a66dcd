#include "runtime/storage/high_water_writer.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace troupe::runtime {
namespace {

/// Damage to what was committed longer ago than this is always noticed.
constexpr std::chrono::seconds interval{1};

} // namespace

high_water_writer::high_water_writer(high_water_file& file,
                                     std::function<result<void>()> before_write)
  : file_{file}, before_write_{std::move(before_write)}, marks_{file.marks()} {
  thread_ = std::thread{[this] { run(); }}; // tidy: seams: see the header
}

high_water_writer::~high_water_writer() {
  {
    std::lock_guard lock{mutex_};
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void high_water_writer::note(std::span<const ledger_line::entry> commits) {
  std::unique_lock lock{mutex_};
  for (const auto& commit : commits)
    marks_[commit.shard] = {commit.epoch, commit.seq, commit.ops_crc};
  wake(std::move(lock));
}

void high_water_writer::note_epoch(shard_id shard, uint64_t epoch) {
  std::unique_lock lock{mutex_};
  auto& known = marks_[shard];
  known.epoch = std::max(known.epoch, epoch);
  wake(std::move(lock));
}

void high_water_writer::wake(std::unique_lock<std::mutex> lock) {
  const bool was_dirty = std::exchange(dirty_, true);
  lock.unlock();
  if (!was_dirty)
    wake_.notify_one();
}

std::optional<failure> high_water_writer::error() const {
  std::lock_guard lock{mutex_};
  return error_;
}

void high_water_writer::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    wake_.wait(lock, [this] { return dirty_ || stop_; });
    if (!dirty_)
      return;
    // Collect for a second; the thread is idle while nothing is committed.
    wake_.wait_for(lock, interval, [this] { return stop_; });
    const auto marks = marks_;
    dirty_ = false;
    lock.unlock();
    auto written = before_write_();
    if (written)
      written = file_.write(marks);
    lock.lock();
    if (!written) {
      error_ = written.error();
      return;
    }
  }
}

} // namespace troupe::runtime
