#include "tests/runtime/storage/rocksdb_host.hpp"

#include "runtime/job_codec.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

namespace troupe::tests {

using namespace troupe::runtime;
namespace fs = std::filesystem;

void rocksdb_host::open() {
  auto opened = try_open();
  INFO((opened ? std::string{} : opened.error().context));
  REQUIRE(opened.has_value());
  store_ = std::move(*opened);
}

result<std::unique_ptr<store>> rocksdb_host::try_open() {
  return open_at(config_, path());
}

void rocksdb_host::copy_to(const fs::path& to) const {
  fs::remove_all(to);
  fs::copy(path(), to, fs::copy_options::recursive);
}

result<std::unique_ptr<store>> open_at(rocksdb_config config,
                                       const fs::path& path) {
  config.directory = path.string();
  return open_rocksdb_store(config);
}

std::vector<fs::path> database_files(const fs::path& store,
                                     const std::string& ending) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator{store / "db"})
    if (entry.path().filename().string().ends_with(ending))
      found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

std::string read_file(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream file{path, std::ios::binary | std::ios::trunc};
  file << bytes;
}

shard_history write_history(store& s, job_samples& samples, shard_id shard,
                            size_t commits) {
  shard_history history{shard, {}, {}, {}};
  const auto epoch = s.acquire(shard, "node").value();
  history.images.push_back(load_image(s, shard));
  for (size_t i = 0; i < commits; ++i) {
    const auto id = samples.id(shard);
    auto batch = admission(samples, shard, epoch, id);
    batch.ops.push_back(
      put_idempotency{samples.bytes(32), encode(samples.idempotency(id))});
    REQUIRE(s.commit(std::array{std::move(batch)})[0].has_value());
    history.jobs.push_back(id);
    history.reads.push_back(read_everything(s, id));
    history.images.push_back(load_image(s, shard));
  }
  return history;
}

std::optional<size_t> surviving_commits(store& s,
                                        const shard_history& history) {
  const auto summary = s.load(history.shard, {});
  if (!summary) {
    REQUIRE(summary.error().code == errc::corruption);
    return std::nullopt;
  }
  const auto count = summary->last_seq;
  REQUIRE(count < history.images.size());
  REQUIRE(load_image(s, history.shard) == history.images[count]);
  for (size_t i = 0; i < history.jobs.size(); ++i) {
    const auto reads = read_everything(s, history.jobs[i]);
    if (i < count) {
      REQUIRE(reads == history.reads[i]);
      continue;
    }
    REQUIRE(reads[0] == "not_found");
    REQUIRE(reads[1] == "not_found");
    REQUIRE(s.events(history.jobs[i], 0, 1)->empty());
  }
  return count;
}

} // namespace troupe::tests
