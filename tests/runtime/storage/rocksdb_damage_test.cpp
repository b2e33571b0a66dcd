#include "runtime/storage/high_water.hpp"
#include "runtime/storage/rocksdb_tables.hpp"
#include "tests/runtime/storage/rocksdb_host.hpp"

#include <catch2/catch_test_macros.hpp>
#include <rocksdb/db.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>

using namespace troupe::runtime;
using namespace troupe::tests;
namespace fs = std::filesystem;

namespace {

constexpr shard_id damaged{1};
constexpr shard_id healthy{2};

rocksdb_config small() {
  rocksdb_config config;
  config.block_cache_bytes = 1u << 20;
  config.memtables_bytes_max = 4u << 20;
  config.log_bytes_max = 4u << 20;
  return config;
}

/// The database below a closed store, for changes behind its back.
void edit(const fs::path& store,
          const std::function<void(rocksdb_tables&)>& change) {
  auto tables = rocksdb_tables::open({.path = (store / "db").string(),
                                      .may_create = false,
                                      .block_cache_bytes = 1u << 20,
                                      .memtables_bytes_max = 8u << 20,
                                      .log_bytes_max = 8u << 20});
  REQUIRE(tables.has_value());
  change(**tables);
}

void drop(rocksdb_tables& tables, family f, const std::string& key) {
  REQUIRE(tables.db().Delete({}, tables[f], key).ok());
}

/// Loads and acquires; requires that both refuse alike.
void quarantined(store& s, shard_id shard, std::string_view word) {
  const auto loaded = s.load(shard, {});
  REQUIRE(loaded.has_error());
  INFO(loaded.error().context);
  CHECK(loaded.error().code == errc::corruption);
  CHECK(loaded.error().context.find(word) != std::string::npos);
}

/// A closed store with two shards of `commits` commits each.
struct two_shards {
  explicit two_shards(size_t commits, rocksdb_config config = small())
    : host{std::move(config)} {
    history = write_history(host.get(), samples, damaged, commits);
    other = write_history(host.get(), samples, healthy, 5);
    host.close();
  }

  job_samples samples{99};
  rocksdb_host host;
  shard_history history;
  shard_history other;
};

/// Where a cut or flip is tried: all around the edges of `size`, and a sample
/// of the rest.
std::set<size_t> sample_positions(size_t size, size_t count,
                                  job_samples& samples) {
  std::set<size_t> positions;
  for (size_t i = 0; i < 12 && i < size; ++i) {
    positions.insert(i);
    positions.insert(size - 1 - i);
  }
  while (positions.size() < std::min(count, size))
    positions.insert(samples.below(size));
  return positions;
}

void flip(const fs::path& file, size_t at, uint8_t bits) {
  auto bytes = read_file(file);
  bytes[at] = static_cast<char>(bytes[at] ^ bits);
  write_file(file, bytes);
}

/// Opens a damaged copy: refused as a whole, or each shard refused, or the same
/// state; a read of a job may say corruption. Never less, never something else.
/// The answer says whether the damage was noticed.
bool same_or_refused(const fs::path& path, const two_shards& expected) {
  auto opened = open_at(small(), path);
  if (!opened)
    return true;
  auto& s = **opened;
  bool noticed = false;
  for (const auto* history : {&expected.history, &expected.other}) {
    const auto loaded = s.load(history->shard, {});
    if (!loaded) {
      REQUIRE(loaded.error().code == errc::corruption);
      noticed = true;
      continue;
    }
    REQUIRE(load_image(s, history->shard) == history->images.back());
    for (size_t i = 0; i < history->jobs.size(); ++i) {
      const auto reads = read_everything(s, history->jobs[i]);
      for (size_t k = 0; k < reads.size(); ++k)
        if (reads[k] != history->reads[i][k]) {
          REQUIRE(reads[k] == "corruption");
          noticed = true;
        }
    }
  }
  return noticed;
}

} // namespace

TEST_CASE("a commit that is missing from the ledger quarantines its shard",
          "[runtime][storage][rocksdb]") {
  two_shards x{20};
  edit(x.host.path(),
       [](auto& tables) { drop(tables, family::ledger, ledger_key(11)); });
  x.host.open();
  quarantined(x.host.get(), damaged, "commit 11 is missing");
  CHECK(surviving_commits(x.host.get(), x.other) == 5);
}

TEST_CASE("a ledger that contradicts its shard quarantines it",
          "[runtime][storage][rocksdb]") {
  two_shards x{20};
  std::string word;
  edit(x.host.path(), [&](auto& tables) {
    const auto put = [&](family f, const std::string& key,
                         const std::string& value) {
      REQUIRE(tables.db().Put({}, tables[f], key, value).ok());
    };
    const auto rewrite = [&](uint64_t commit, ledger_line::entry entry) {
      put(family::ledger, ledger_key(commit),
          encode(ledger_line{commit, {entry}}));
    };
    SECTION("an epoch that falls") {
      rewrite(11, {damaged, 0, 11, 0});
      word = "commit 11 has an epoch out of order";
    }
    SECTION("an epoch that nobody had") {
      rewrite(20, {damaged, 9, 20, 0});
      word = "commit 20 has an epoch out of order";
    }
    SECTION("a number that is skipped") {
      rewrite(11, {damaged, 1, 12, 0});
      word = "commit 11 is missing";
    }
    SECTION("a line in another's place") {
      put(family::ledger, ledger_key(11),
          encode(ledger_line{12, {{damaged, 1, 12, 0}}}));
      word = "commit 11 is missing";
    }
    SECTION("a line of other bytes") {
      put(family::ledger, ledger_key(11), "?");
      word = "commit 11 is missing";
    }
    SECTION("the first line is gone") {
      drop(tables, family::ledger, ledger_key(1));
      word = "line 1 is missing";
    }
    SECTION("the last line is gone") {
      drop(tables, family::ledger, ledger_key(20));
      word = "but 20 had been synced";
    }
    SECTION("another commit than the one that was marked") {
      rewrite(20, {damaged, 1, 20, 0});
      word = "is not the one that had been synced";
    }
  });
  x.host.open();
  quarantined(x.host.get(), damaged, word);
  CHECK(surviving_commits(x.host.get(), x.other) == 5);
}

TEST_CASE("a row that contradicts the ledger quarantines its shard",
          "[runtime][storage][rocksdb]") {
  two_shards x{20};
  std::string word;
  edit(x.host.path(), [&](auto& tables) {
    const auto put = [&](family f, const std::string& key,
                         const std::string& value) {
      REQUIRE(tables.db().Put({}, tables[f], key, value).ok());
    };
    SECTION("a row ahead of the ledger") {
      put(family::shard, shard_key(damaged), encode(shard_row{1, 21, "n", ""}));
      word = "ends at commit 20 of the ledger, but its row says 21";
    }
    SECTION("an older epoch") {
      put(family::shard, shard_key(damaged), encode(shard_row{0, 20, "n", ""}));
      word = "epoch";
    }
    SECTION("a row of other bytes") {
      put(family::shard, shard_key(damaged), "?");
      word = "its row is unreadable";
    }
  });
  x.host.open();
  quarantined(x.host.get(), damaged, word);
  CHECK(surviving_commits(x.host.get(), x.other) == 5);
}

TEST_CASE("a live index that contradicts the records quarantines its shard",
          "[runtime][storage][rocksdb]") {
  two_shards x{20};
  std::string word;
  edit(x.host.path(), [&](auto& tables) {
    const auto put = [&](family f, const std::string& key,
                         const std::string& value) {
      REQUIRE(tables.db().Put({}, tables[f], key, value).ok());
    };
    SECTION("a live job without its record") {
      drop(tables, family::record, job_key(x.history.jobs[4]).str());
      word = "live job without record";
    }
    SECTION("another job's record") {
      std::string bytes;
      REQUIRE(tables.db()
                .Get({}, tables[family::record],
                     job_key(x.history.jobs[5]).str(), &bytes)
                .ok());
      put(family::record, job_key(x.history.jobs[4]).str(), bytes);
      word = "another job's record";
    }
    SECTION("a live index of no job") {
      put(family::live, shard_key(damaged) + "short", "");
      word = "key is no job id";
    }
  });
  x.host.open();
  quarantined(x.host.get(), damaged, word);
  CHECK(surviving_commits(x.host.get(), x.other) == 5);
}

TEST_CASE("a quarantined shard stays so, whatever others commit",
          "[runtime][storage][rocksdb]") {
  auto config = small();
  config.durability = durability::os;
  two_shards x{3, config};
  edit(x.host.path(),
       [](auto& tables) { drop(tables, family::ledger, ledger_key(3)); });
  // The ring wraps in between: the evidence is overwritten.
  for (int i = 0; i < 3; ++i) {
    x.host.open();
    auto& s = x.host.get();
    quarantined(s, damaged, "had been synced");
    CHECK(s.acquire(damaged, "n").error().code == errc::corruption);
    const auto epoch = s.acquire(healthy, "n").value();
    const std::array batches{shard_batch{healthy, epoch, {}},
                             shard_batch{damaged, 1, {}}};
    for (int k = 0; k < 3000; ++k) {
      const auto answers = s.commit(batches);
      REQUIRE(answers[0].has_value());
      REQUIRE(answers[1].error().code == errc::corruption);
    }
    x.host.close();
  }
  x.host.open();
  CHECK(x.host.get().load(healthy, {})->last_seq == 9005);
}

TEST_CASE("a torn tail is a shorter history of whole commits",
          "[runtime][storage][rocksdb]") {
  // Copied before the first mark is written: nothing is promised by it yet.
  job_samples samples{5};
  rocksdb_host host{small()};
  const temporary_directory scratch;
  const auto image = scratch.path() / "image";
  const auto history = write_history(host.get(), samples, damaged, 12);
  host.copy_to(image);
  REQUIRE(high_water_file::create((image / "HIGH_WATER").string()).has_value());
  const auto log = database_files(image, ".log").back().filename();
  const auto bytes = read_file(image / "db" / log);
  const auto cut = scratch.path() / "cut";
  size_t previous = 0;
  std::set<size_t> lengths;
  for (const auto size : sample_positions(bytes.size(), 70, samples)) {
    fs::remove_all(cut);
    fs::copy(image, cut, fs::copy_options::recursive);
    write_file(cut / "db" / log, bytes.substr(0, size));
    INFO("cut to " << size << " of " << bytes.size());
    auto opened = open_at(small(), cut);
    REQUIRE(opened.has_value());
    const auto count = surviving_commits(**opened, history);
    REQUIRE(count.has_value());
    REQUIRE(*count >= previous);
    previous = *count;
    lengths.insert(*count);
    // It goes on from there, and what comes now survives the next start.
    if (size % 4 == 0) {
      const auto epoch = (*opened)->acquire(damaged, "n").value();
      const auto id = samples.id(damaged);
      const std::array batches{admission(samples, damaged, epoch, id)};
      REQUIRE((*opened)->commit(batches)[0]->seq == *count + 1);
      opened->reset();
      opened = open_at(small(), cut);
      REQUIRE(opened.has_value());
      REQUIRE((*opened)->load(damaged, {})->last_seq == *count + 1);
      REQUIRE((*opened)->record(id).has_value());
    }
  }
  CHECK(lengths.size() > 5); // Many different histories were met.
}

TEST_CASE("a cut below the high-water mark is refused",
          "[runtime][storage][rocksdb]") {
  two_shards x{12};
  const temporary_directory scratch;
  const auto cut = scratch.path() / "cut";
  const auto log = database_files(x.host.path(), ".log").back().filename();
  const auto bytes = read_file(x.host.path() / "db" / log);
  size_t refused = 0;
  for (const auto size : sample_positions(bytes.size(), 50, x.samples)) {
    x.host.copy_to(cut);
    write_file(cut / "db" / log, bytes.substr(0, size));
    INFO("cut to " << size << " of " << bytes.size());
    auto opened = open_at(small(), cut);
    if (!opened) {
      CHECK(opened.error().code == errc::corruption);
      ++refused;
      continue;
    }
    // `healthy` was written last: any cut that loses a commit hits it first.
    const auto last = surviving_commits(**opened, x.other);
    const auto first = surviving_commits(**opened, x.history);
    REQUIRE(last.value_or(5) == 5);
    REQUIRE(first.value_or(12) == 12);
    REQUIRE((first || !last));
    refused += !last;
  }
  CHECK(refused >= 40);
}

TEST_CASE("damage in the middle of the log is refused",
          "[runtime][storage][rocksdb]") {
  two_shards x{12};
  const temporary_directory scratch;
  const auto copy = scratch.path() / "copy";
  const auto log = database_files(x.host.path(), ".log").back().filename();
  const auto size = fs::file_size(x.host.path() / "db" / log);
  size_t noticed = 0;
  size_t tried = 0;
  for (const auto at : sample_positions(size, 60, x.samples)) {
    x.host.copy_to(copy);
    flip(copy / "db" / log, at, static_cast<uint8_t>(1u << at % 8));
    INFO("flipped a bit of byte " << at << " of " << size);
    noticed += same_or_refused(copy, x);
    ++tried;
  }
  CHECK(noticed == tried); // Every byte of the log is under a checksum.
}

TEST_CASE("damage in any file means refusal or the same state",
          "[runtime][storage][rocksdb]") {
  two_shards x{40};
  edit(x.host.path(), [](auto& tables) {
    for (size_t i = 0; i < family_names.size(); ++i)
      REQUIRE(tables.db().Flush({}, tables[static_cast<family>(i)]).ok());
  });
  const temporary_directory scratch;
  const auto copy = scratch.path() / "copy";
  std::vector<fs::path> files{"FORMAT", "HIGH_WATER", "db/CURRENT"};
  for (const char* ending : {".sst", ".log"})
    for (const auto& file : database_files(x.host.path(), ending))
      files.push_back(file.lexically_relative(x.host.path()));
  for (const auto& entry : fs::directory_iterator{x.host.path() / "db"})
    if (entry.path().filename().string().starts_with("MANIFEST"))
      files.push_back(entry.path().lexically_relative(x.host.path()));
  REQUIRE(files.size() >= 10);
  size_t noticed = 0;
  size_t tried = 0;
  for (const auto& file : files) {
    const auto size = fs::file_size(x.host.path() / file);
    if (size == 0)
      continue;
    for (int i = 0; i < 10; ++i) {
      const auto at = x.samples.below(size);
      x.host.copy_to(copy);
      flip(copy / file, at, static_cast<uint8_t>(1u << x.samples.below(8)));
      INFO("flipped a bit of byte " << at << " of " << file);
      noticed += same_or_refused(copy, x);
      ++tried;
    }
  }
  CHECK(noticed > tried / 2);
}

TEST_CASE("a torn high-water slot falls back to the older one",
          "[runtime][storage][high_water]") {
  const temporary_directory directory;
  const auto path = directory.str("HIGH_WATER");
  REQUIRE(high_water_file::create(path).has_value());
  const shard_marks older{{{1}, {2, 3, 4}}, {{1023}, {~0ull, ~0ull, ~0u}}};
  const shard_marks newer{{{1}, {2, 4, 5}}};
  {
    auto file = high_water_file::open(path);
    REQUIRE(file.has_value());
    CHECK(file->marks().empty());
    REQUIRE(file->write(older).has_value());
    REQUIRE(file->write(newer).has_value());
  }
  const auto whole = read_file(path);
  CHECK(high_water_file::open(path)->marks() == newer);
  // Two writes after generations 0 and 1: `newer` is in the second slot.
  for (size_t at = 32'768; at < 32'768 + 40; ++at) {
    write_file(path, whole);
    flip(path, at, 1);
    REQUIRE(high_water_file::open(path)->marks() == older);
  }
  write_file(path, whole.substr(0, 32'768 + 10));
  CHECK(high_water_file::open(path)->marks() == older);
  write_file(path, "");
  CHECK(high_water_file::open(path).error().code == errc::corruption);
  CHECK(high_water_file::open(path + "x").error().code == errc::io_error);
}
