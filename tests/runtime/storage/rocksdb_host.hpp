// A RocksDB store in a directory of its own, for tests.
#pragma once

#include "runtime/storage/rocksdb_store.hpp"
#include "tests/runtime/storage/store_suite.hpp"
#include "tests/support/temporary_directory.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe::tests {

class rocksdb_host final : public store_host {
public:
  rocksdb_host() { open(); }
  explicit rocksdb_host(runtime::rocksdb_config config)
    : config_{std::move(config)} {
    open();
  }

  runtime::store& get() override { return *store_; }
  void restart() override {
    close();
    open();
  }
  void close() { store_.reset(); }
  void open();
  runtime::result<std::unique_ptr<runtime::store>> try_open();

  std::filesystem::path path() const { return directory_.path() / "data"; }
  /// What a kill -9 at this moment leaves: a copy of the files as they are.
  void copy_to(const std::filesystem::path& to) const;
  const runtime::rocksdb_config& config() const noexcept { return config_; }

private:
  temporary_directory directory_;
  runtime::rocksdb_config config_;
  std::unique_ptr<runtime::store> store_;
};

runtime::result<std::unique_ptr<runtime::store>>
open_at(runtime::rocksdb_config config, const std::filesystem::path& path);

/// Files of the database whose name ends so, the oldest first.
std::vector<std::filesystem::path>
database_files(const std::filesystem::path& store, const std::string& ending);

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& bytes);

/// One shard's history: what it showed after each commit.
struct shard_history {
  runtime::shard_id shard;
  std::vector<runtime::job_id> jobs;           ///< The n-th commit's job.
  std::vector<std::vector<std::string>> reads; ///< read_everything of it.
  std::vector<shard_image> images;             ///< [n] after n commits.
};
/// Acquires the shard and admits `commits` jobs, one per commit.
shard_history write_history(runtime::store& store, job_samples& samples,
                            runtime::shard_id shard, size_t commits);

/// nullopt: refused as corruption. Else the number of commits that are there;
/// requires that they are there whole and that nothing else is.
std::optional<size_t> surviving_commits(runtime::store& store,
                                        const shard_history& history);

} // namespace troupe::tests
