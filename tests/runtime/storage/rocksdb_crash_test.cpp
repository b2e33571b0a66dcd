#include "runtime/job_codec.hpp"
#include "runtime/storage/crc32c.hpp"
#include "tests/runtime/storage/rocksdb_host.hpp"
#include "tests/support/small_disk.hpp"

#include <catch2/catch_test_macros.hpp>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <map>

using namespace troupe::runtime;
using namespace troupe::tests;
namespace fs = std::filesystem;

namespace {

constexpr shard_id shard{1};

// --- killed processes
// -----------------------------------------------------------

/// The writer process, its output and its end.
class writer_process {
public:
  writer_process(const fs::path& directory, uint64_t seed) {
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, pipe[0]);
    auto program = std::string{TROUPE_BIN_DIR} + "/troupe-store-writer";
    auto path = directory.string();
    auto number = std::to_string(seed);
    std::array<char*, 4> argv{program.data(), path.data(), number.data(),
                              nullptr};
    REQUIRE(::posix_spawn(&pid_, program.c_str(), &actions, nullptr,
                          argv.data(), environ)
            == 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(pipe[1]);
    out_ = pipe[0];
  }
  writer_process(const writer_process&) = delete;
  writer_process& operator=(const writer_process&) = delete;
  ~writer_process() {
    if (pid_ > 0)
      ::kill(pid_, SIGKILL);
    wait();
    ::close(out_);
  }

  /// Reads until so many lines came, kills, reads the rest. All whole lines.
  std::vector<std::string> kill_after(size_t lines) {
    std::string text;
    size_t seen = 0;
    while (seen < lines) {
      const auto from = text.size();
      if (!read_into(text))
        break;
      for (auto at = from; at < text.size(); ++at)
        seen += text[at] == '\n';
    }
    ::kill(pid_, SIGKILL);
    while (read_into(text))
      ;
    wait();
    std::vector<std::string> all;
    for (size_t at = 0, end; (end = text.find('\n', at)) != text.npos;
         at = end + 1)
      all.push_back(text.substr(at, end - at));
    return all;
  }

private:
  bool read_into(std::string& text) {
    std::array<char, 4096> buffer;
    const auto n = ::read(out_, buffer.data(), buffer.size());
    if (n > 0)
      text.append(buffer.data(), static_cast<size_t>(n));
    return n > 0;
  }
  void wait() {
    if (pid_ > 0)
      ::waitpid(std::exchange(pid_, 0), nullptr, 0);
  }

  pid_t pid_ = 0;
  int out_ = -1;
};

// --- failing disks
// ---------------------------------------------------------------

/// What the disk does; shared with every file that was opened through it.
struct disk_faults {
  std::atomic<int> syncs_left = -1; ///< Log syncs before one fails; -1: never.
  std::atomic<bool> full = false;   ///< ENOSPC instead of EIO.
  std::atomic<int> syncs_after = 0; ///< Log syncs after the failed one.
  rocksdb::IOStatus error() const {
    return full ? rocksdb::IOStatus::NoSpace("injected")
                : rocksdb::IOStatus::IOError("injected");
  }
};

class faulty_log final : public rocksdb::FSWritableFileOwnerWrapper {
public:
  faulty_log(std::unique_ptr<rocksdb::FSWritableFile>&& file,
             disk_faults& faults)
    : FSWritableFileOwnerWrapper{std::move(file)}, faults_{faults} {}

  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* context) override {
    const int left = faults_.syncs_left;
    if (left < 0)
      return FSWritableFileOwnerWrapper::Sync(options, context);
    if (left == 0) {
      ++faults_.syncs_after;
      return rocksdb::IOStatus::OK(); // As kernels do after a failed fsync.
    }
    faults_.syncs_left = left - 1;
    if (left == 1)
      return faults_.error();
    return FSWritableFileOwnerWrapper::Sync(options, context);
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* context) override {
    return Sync(options, context);
  }

private:
  disk_faults& faults_;
};

class faulty_disk final : public rocksdb::FileSystemWrapper {
public:
  explicit faulty_disk(disk_faults& faults)
    : FileSystemWrapper{rocksdb::FileSystem::Default()}, faults_{faults} {}
  const char* Name() const override { return "faulty_disk"; }

  rocksdb::IOStatus
  NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                  std::unique_ptr<rocksdb::FSWritableFile>* file,
                  rocksdb::IODebugContext* context) override {
    auto status = target()->NewWritableFile(name, options, file, context);
    if (status.ok() && name.ends_with(".log"))
      *file = std::make_unique<faulty_log>(std::move(*file), faults_);
    return status;
  }

private:
  disk_faults& faults_;
};

rocksdb_config small() {
  rocksdb_config config;
  config.memtables_bytes_max = 4u << 20;
  config.log_bytes_max = 2u << 20;
  return config;
}

} // namespace

TEST_CASE("nothing acknowledged is lost when the process is killed",
          "[runtime][storage][rocksdb][crash]") {
  const uint64_t seed = 20'261;
  INFO("seed " << seed);
  job_samples random{seed};
  const temporary_directory directory;
  const auto path = directory.path() / "data";
  std::map<job_id, uint32_t> acked;
  for (uint64_t round = 0; round < 12; ++round) {
    INFO("round " << round);
    {
      writer_process writer{path, seed + round};
      // 0: killed while it opens or recovers.
      const auto lines =
        writer.kill_after(round % 4 == 3 ? 0 : 1 + random.below(400));
      for (const auto& line : lines) {
        const auto space = line.find(' ');
        const auto id = job_id::parse(line.substr(0, space));
        REQUIRE(id.has_value());
        acked[*id] = static_cast<uint32_t>(std::stoul(line.substr(space + 1)));
      }
    }
    if (acked.empty())
      continue;
    const auto store = open_at(small(), path);
    INFO((store ? std::string{} : store.error().context));
    REQUIRE(store.has_value());
    size_t live = 0;
    const load_visitor visitor{[&](job_record&&) { ++live; }, {}};
    for (uint16_t i = 0; i < 4; ++i)
      REQUIRE((*store)->load({i}, visitor).has_value());
    REQUIRE(live >= acked.size());
    for (const auto& [id, crc] : acked) {
      REQUIRE((*store)->record(id).has_value());
      const auto spec = (*store)->spec(id);
      REQUIRE(spec.has_value());
      REQUIRE(crc32c(encode(*spec)) == crc);
      REQUIRE((*store)->events(id, 0, 10)->size() == 3);
    }
  }
  CHECK(acked.size() > 200);
}

TEST_CASE("after a failed sync the store takes nothing more",
          "[runtime][storage][rocksdb]") {
  for (const bool full : {false, true}) {
    disk_faults faults;
    const auto env =
      rocksdb::NewCompositeEnv(std::make_shared<faulty_disk>(faults));
    auto config = small();
    config.env = env.get();
    rocksdb_host host{config};
    auto& store = host.get();
    job_samples samples{1};
    const auto epoch = store.acquire(shard, "n").value();
    const auto commit = [&](job_id id) {
      return store.commit(std::array{admission(samples, shard, epoch, id)})[0];
    };
    std::vector<job_id> acked;
    for (int i = 0; i < 5; ++i) {
      acked.push_back(samples.id(shard));
      REQUIRE(commit(acked.back()).has_value());
    }
    faults.full = full;
    faults.syncs_left = 1;
    const auto code = full ? errc::disk_full : errc::io_error;
    const std::array two{
      admission(samples, shard, epoch, samples.id(shard)),
      admission(samples, shard, epoch + 7, samples.id(shard))};
    for (const auto& answer : store.commit(two)) {
      REQUIRE(answer.has_error());
      CHECK(answer.error().code == code);
    }
    // The disk would answer "fine" from now on: it is not asked again.
    for (int i = 0; i < 3; ++i)
      CHECK(commit(samples.id(shard)).error().code == code);
    CHECK(store.acquire(shard, "n").error().code == code);
    CHECK(store.release(shard, epoch).error().code == code);
    CHECK(store.load(shard, {}).error().code == code);
    CHECK(faults.syncs_after == 0);
    for (const auto id : acked)
      CHECK(store.record(id).has_value()); // Reading goes on.
    faults.syncs_left = -1;
    host.restart();
    const auto image = load_image(host.get(), shard);
    CHECK(image.last_seq >= acked.size());
    CHECK(image.last_seq <= acked.size() + 1);
  }
}

TEST_CASE("a full disk stops commits, keeps what was acknowledged",
          "[runtime][storage][rocksdb]") {
  const temporary_directory directory;
  const small_disk disk{directory.path() / "disk", 6};
  if (!disk.mounted())
    SKIP("mounting a small tmpfs needs root");
  const auto path = disk.path("data");
  std::vector<job_id> acked;
  job_samples samples{1};
  {
    const auto store = open_at(small(), path);
    REQUIRE(store.has_value());
    const auto epoch = (*store)->acquire(shard, "n").value();
    const auto before = (*store)->health().free_bytes;
    CHECK(before < 6u << 20);
    for (;;) {
      std::vector<shard_batch> batches;
      std::vector<job_id> ids;
      for (int i = 0; i < 20; ++i) {
        ids.push_back(samples.id(shard));
        batches.push_back(admission(samples, shard, epoch, ids.back()));
      }
      const auto answers = (*store)->commit(batches);
      if (answers[0]) {
        acked.insert(acked.end(), ids.begin(), ids.end());
        REQUIRE(acked.size() < 100'000);
        continue;
      }
      INFO(answers[0].error().context);
      CHECK(answers[0].error().code == errc::disk_full);
      break;
    }
    CHECK((*store)->health().free_bytes < before);
    const std::array more{shard_batch{shard, epoch, {}}};
    CHECK((*store)->commit(more)[0].error().code == errc::disk_full);
    CHECK((*store)->record(acked.front()).has_value());
  }
  // Space is back: the next start has all of it and goes on.
  REQUIRE(disk.grow(64));
  const auto store = open_at(small(), path);
  INFO((store ? std::string{} : store.error().context));
  REQUIRE(store.has_value());
  const auto image = load_image(**store, shard);
  CHECK(image.last_seq >= acked.size());
  for (const auto id : acked)
    REQUIRE((*store)->spec(id).has_value());
  const auto epoch = (*store)->acquire(shard, "n").value();
  const std::array more{shard_batch{shard, epoch, {}}};
  CHECK((*store)->commit(more)[0].has_value());
}
