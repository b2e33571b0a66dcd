#include "runtime/storage/rocksdb_log.hpp"

#include "runtime/log.hpp"

#include <rocksdb/env.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <string_view>

namespace troupe::runtime {
namespace {

class rocksdb_log final : public rocksdb::Logger {
public:
  rocksdb_log() : Logger{rocksdb::InfoLogLevel::WARN_LEVEL} {}

  using rocksdb::Logger::Logv;
  void Logv(rocksdb::InfoLogLevel level, const char* format,
            va_list arguments) override {
    if (level < GetInfoLogLevel() || level == rocksdb::HEADER_LEVEL)
      return;
    std::array<char, 1024> text; // A field is cut there anyway.
    std::vsnprintf(text.data(), text.size(), format, arguments);
    std::string_view line{text.data()};
    if (line.ends_with('\n'))
      line.remove_suffix(1);
    const bool warning = level == rocksdb::InfoLogLevel::WARN_LEVEL;
    log(warning ? log_level::warn : log_level::error, "rocksdb",
        "the database says", {{"text", line}});
  }
  void LogHeader(const char*, va_list) override {} // Options and build dates.
};

} // namespace

std::shared_ptr<rocksdb::Logger> make_rocksdb_log() {
  return std::make_shared<rocksdb_log>();
}

} // namespace troupe::runtime
