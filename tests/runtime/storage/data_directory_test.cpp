#include "tests/runtime/storage/rocksdb_host.hpp"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <fstream>

using namespace troupe::runtime;
using namespace troupe::tests;
namespace fs = std::filesystem;

namespace {

/// Requires a refusal; what it says is for people, so only words are compared.
void refuses(const fs::path& path, errc code,
             const std::vector<std::string>& words) {
  const auto opened = open_at({}, path);
  REQUIRE(opened.has_error());
  INFO(opened.error().context);
  CHECK(opened.error().code == code);
  for (const auto& word : words)
    CHECK(opened.error().context.find(word) != std::string::npos);
}

} // namespace

TEST_CASE("a directory in use names the process that has it",
          "[runtime][storage][rocksdb]") {
  rocksdb_host host;
  refuses(
    host.path(), errc::storage_unavailable,
    {host.path().string(), "in use by process", std::to_string(::getpid())});
  host.restart(); // The refused attempt left the lock alone.
}

TEST_CASE("a store is created with its parents, and in an empty directory",
          "[runtime][storage][rocksdb]") {
  const temporary_directory directory;
  CHECK(open_at({}, directory.path() / "a" / "b").has_value());
  fs::create_directory(directory.path() / "c");
  fs::create_directory(directory.path() / "c" / "lost+found");
  CHECK(open_at({}, directory.path() / "c").has_value());
}

TEST_CASE("a path that is no directory is refused",
          "[runtime][storage][rocksdb]") {
  const temporary_directory directory;
  write_file(directory.path() / "file", "x");
  refuses(directory.path() / "file", errc::config_invalid,
          {"file", "not a directory"});
  refuses(directory.path() / "file" / "below", errc::config_invalid, {"file"});
}

TEST_CASE("a directory of somebody else is refused and left alone",
          "[runtime][storage][rocksdb]") {
  const temporary_directory directory;
  write_file(directory.path() / "thesis.txt", "irreplaceable");
  refuses(directory.path(), errc::config_invalid, {"thesis.txt", "not empty"});
  CHECK_FALSE(fs::exists(directory.path() / "db"));
  CHECK(read_file(directory.path() / "thesis.txt") == "irreplaceable");
}

TEST_CASE("a directory without permission is refused",
          "[runtime][storage][rocksdb]") {
  const temporary_directory directory;
  const auto path = directory.path() / "closed";
  fs::create_directory(path);
  fs::permissions(path, fs::perms::none);
  if (::access(path.c_str(), W_OK) == 0)
    SKIP("root may write everywhere");
  refuses(path, errc::config_invalid, {"closed", "permission"});
}

TEST_CASE("a file system that cannot be written is refused",
          "[runtime][storage][rocksdb]") {
  if (!fs::exists("/proc/self"))
    SKIP("no /proc");
  refuses("/proc/self/troupe", errc::config_invalid, {"/proc/self/troupe"});
}

TEST_CASE("a store of a newer format is refused",
          "[runtime][storage][rocksdb]") {
  rocksdb_host host;
  host.close();
  write_file(host.path() / "FORMAT", "troupe-store 2\nshards 64\n");
  refuses(host.path(), errc::unsupported, {"format 2", "newer build"});
}

TEST_CASE("a damaged format file is refused", "[runtime][storage][rocksdb]") {
  rocksdb_host host;
  host.close();
  for (const char* text :
       {"", "troupe-store", "troupe-store x\nshards 64\n",
        "troupe-store 1\nshards \n", "troupe-store 1\n", "shards 64\n",
        "troupe-store 0\nshards 64\n", "troupe-store 1\nshards 64"}) {
    INFO(text);
    write_file(host.path() / "FORMAT", text);
    refuses(host.path(), errc::corruption, {"FORMAT"});
  }
}

TEST_CASE("another number of shards is refused",
          "[runtime][storage][rocksdb]") {
  rocksdb_host host;
  host.close();
  rocksdb_config config;
  config.shards = 32;
  const auto opened = open_at(config, host.path());
  REQUIRE(opened.has_error());
  CHECK(opened.error().code == errc::config_invalid);
  CHECK(opened.error().context.find("64 shards") != std::string::npos);
}

TEST_CASE("a store that lost a part of itself is refused",
          "[runtime][storage][rocksdb]") {
  rocksdb_host host;
  REQUIRE(host.get().acquire({0}, "n").has_value());
  host.close();
  SECTION("the high-water file") {
    fs::remove(host.path() / "HIGH_WATER");
    refuses(host.path(), errc::corruption, {"HIGH_WATER is missing"});
  }
  SECTION("both slots of it") {
    write_file(host.path() / "HIGH_WATER", std::string(65'536, '\0'));
    refuses(host.path(), errc::corruption, {"HIGH_WATER", "neither slot"});
  }
  SECTION("the database") {
    fs::remove_all(host.path() / "db");
    refuses(host.path(), errc::corruption, {"the database is missing"});
  }
  SECTION("the database's CURRENT") {
    fs::remove(host.path() / "db" / "CURRENT");
    refuses(host.path(), errc::corruption, {"the database is missing"});
  }
  SECTION("the format") {
    fs::remove(host.path() / "FORMAT");
    refuses(host.path(), errc::config_invalid, {"no FORMAT"});
  }
}

TEST_CASE("a first start that was cut short is taken up again",
          "[runtime][storage][rocksdb]") {
  rocksdb_host host;
  host.close();
  SECTION("before the database") {
    fs::remove_all(host.path() / "db");
  }
  SECTION("before the high-water file") {
    fs::remove_all(host.path() / "db");
    fs::remove(host.path() / "HIGH_WATER");
  }
  SECTION("before the format") {
    fs::remove_all(host.path() / "db");
    fs::remove(host.path() / "HIGH_WATER");
    fs::rename(host.path() / "FORMAT", host.path() / "FORMAT.new");
  }
  host.open();
  CHECK(host.get().acquire({0}, "n").value() == 1);
}
