#include "runtime/storage/data_directory.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>

namespace troupe::runtime {
namespace {

constexpr std::string_view format_words = "troupe-store ";
constexpr std::string_view shards_words = "shards ";
constexpr size_t format_bytes_max = 256;

failure refuse(errc code, const std::string& path, std::string_view why) {
  return fail(code, "data directory " + path + ": " + std::string{why});
}

result<void> ensure_directory(const std::string& path) {
  std::error_code ec;
  const auto status = std::filesystem::status(path, ec);
  if (std::filesystem::exists(status) && !std::filesystem::is_directory(status))
    return refuse(errc::config_invalid, path, "not a directory");
  if (auto ok = make_directories(path); !ok) {
    const auto code = ok.error().code == errc::disk_full ? errc::disk_full
                                                         : errc::config_invalid;
    return fail(code, "data directory: " + ok.error().context);
  }
  if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0)
    return refuse(errc::config_invalid, path,
                  "no permission to read and write");
  return {};
}

result<posix_file> take_lock(const std::string& path) {
  const auto file_path = path + "/LOCK";
  auto file = posix_file::open(file_path, posix_file::mode::create);
  if (!file)
    return refuse(errc::config_invalid, path, file.error().context);
  const auto locked = file->try_lock();
  if (!locked)
    return locked.error();
  if (!*locked) {
    const auto holder = file->read(0, 20);
    return refuse(errc::storage_unavailable, path,
                  "in use by process "
                    + (holder && !holder->empty() ? *holder : "?"));
  }
  if (auto ok = file->truncate(0); !ok)
    return ok.error();
  if (auto ok = file->write(0, std::to_string(::getpid())); !ok)
    return ok.error();
  return file;
}

/// The number after `words` at the start of a line of `text`.
std::optional<uint32_t> number_after(std::string_view text,
                                     std::string_view words) {
  const auto at = text.find(words);
  if (at == std::string_view::npos || (at > 0 && text[at - 1] != '\n'))
    return std::nullopt;
  text.remove_prefix(at + words.size());
  uint32_t number = 0;
  const auto [end, ec] =
    std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc{} || end == text.data() + text.size() || *end != '\n')
    return std::nullopt;
  return number;
}

result<void> check_format(const std::string& path, uint16_t shards) {
  const auto file = posix_file::open(path + "/FORMAT", posix_file::mode::read);
  if (!file)
    return file.error();
  const auto text = file->read(0, format_bytes_max);
  if (!text)
    return text.error();
  const auto version = number_after(*text, format_words);
  const auto stored = number_after(*text, shards_words);
  if (version && *version > data_directory::format_version)
    return refuse(errc::unsupported, path,
                  "format " + std::to_string(*version)
                    + " was written by a newer build; this one reads up to "
                    + std::to_string(data_directory::format_version));
  if (!version || *version == 0 || !stored)
    return refuse(errc::corruption, path, "FORMAT is damaged");
  if (*stored != shards)
    return refuse(errc::config_invalid, path,
                  "made for " + std::to_string(*stored)
                    + " shards, the configuration says "
                    + std::to_string(shards)
                    + " (the number is fixed once the store exists)");
  return {};
}

/// A directory without FORMAT may hold only what an interrupted first start or
/// mkfs leaves.
result<void> check_virgin(const std::string& path) {
  constexpr std::array<std::string_view, 3> harmless = {"FORMAT.new", "LOCK",
                                                        "lost+found"};
  const auto names = list_directory(path);
  if (!names)
    return names.error();
  for (const auto& name : *names)
    if (std::find(harmless.begin(), harmless.end(), name) == harmless.end())
      return refuse(errc::config_invalid, path,
                    "not empty and not a store of Troupe (no FORMAT, but "
                      + name + ")");
  return {};
}

result<void> ensure_format(const std::string& path, uint16_t shards) {
  if (file_exists(path + "/FORMAT"))
    return check_format(path, shards);
  if (auto ok = check_virgin(path); !ok)
    return ok;
  return replace_file(
    path + "/FORMAT",
    std::string{format_words} + std::to_string(data_directory::format_version)
      + "\n" + std::string{shards_words} + std::to_string(shards) + "\n");
}

result<high_water_file> ensure_high_water(const std::string& path) {
  const auto file_path = path + "/HIGH_WATER";
  if (!file_exists(file_path)) {
    if (file_exists(path + "/db"))
      return refuse(errc::corruption, path, "HIGH_WATER is missing");
    if (auto ok = high_water_file::create(file_path); !ok)
      return ok.error();
  }
  auto opened = high_water_file::open(file_path);
  if (opened && !opened->marks().empty() && !file_exists(path + "/db/CURRENT"))
    return refuse(errc::corruption, path, "the database is missing");
  return opened;
}

} // namespace

result<data_directory> data_directory::open(const std::string& path,
                                            uint16_t shards) {
  if (auto ok = ensure_directory(path); !ok)
    return ok.error();
  auto lock = take_lock(path);
  if (!lock)
    return lock.error();
  if (auto ok = ensure_format(path, shards); !ok)
    return ok.error();
  auto high_water = ensure_high_water(path);
  if (!high_water)
    return high_water.error();
  return data_directory{path, std::move(*lock), std::move(*high_water)};
}

} // namespace troupe::runtime
