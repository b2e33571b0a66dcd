#include "runtime/config.hpp"

#include "runtime/config_reader.hpp"
#include "runtime/config_rules.hpp"
#include "runtime/result.hpp"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <fstream>
#include <sstream>

namespace troupe::runtime {
namespace {

constexpr size_t file_bytes_max = 1024 * 1024;

bool is_ipv4(const std::string& host) {
  in_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1;
}
bool is_ipv6(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

config_problems whole_file_problem(const std::string& file,
                                   std::string reason) {
  return {file, {{1, 1, "", std::move(reason)}}};
}

/// With `beside`: also check what the configuration points at.
config_result parse(std::string_view text, const std::string& file,
                    const std::filesystem::path& directory,
                    std::optional<engine_build> beside) {
  if (text.size() > file_bytes_max)
    return whole_file_problem(file, "is larger than 1 MiB");
  config_reader reader{directory};
  auto value = reader.read(text);
  auto report = [&](const std::string& key, const std::string& reason) {
    reader.report(key, reason);
  };
  if (value.node.data_dir == node_settings{}.data_dir)
    value.node.data_dir = (directory / value.node.data_dir).string();
  check_rules(value, report);
  if (beside) {
    check_files(value, report);
    check_engine(value, *beside, report);
  }
  if (auto problems = reader.problems(); !problems.empty())
    return config_problems{file, std::move(problems)};
  return value;
}

std::optional<std::filesystem::path>
demo_model_folder(const std::filesystem::path& executable) {
  auto folder = executable.parent_path();
  std::vector<std::filesystem::path> candidates{
    folder / "writer", folder.parent_path() / "share/troupe/writer"};
  for (auto up = folder; up != up.parent_path(); up = up.parent_path())
    candidates.push_back(up / "models/demo/writer");
  std::error_code ignored;
  for (const auto& path : candidates)
    if (std::filesystem::is_regular_file(path / "config.json", ignored))
      return path;
  return std::nullopt;
}

} // namespace

std::string listen_address::str() const {
  auto name = is_ipv6(host) ? "[" + host + "]" : host;
  return name + ":" + std::to_string(port);
}

bool listen_address::loopback() const {
  return host == "localhost" || host == "::1"
         || (is_ipv4(host) && host.starts_with("127."));
}

std::optional<listen_address> listen_address::parse(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return std::nullopt;
  auto digits = text.substr(colon + 1);
  listen_address address;
  auto [end, error] =
    std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (error != std::errc{} || end != digits.data() + digits.size())
    return std::nullopt;
  std::string host{text.substr(0, colon)};
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (!is_ipv6(host))
      return std::nullopt;
  } else if (host != "localhost" && !is_ipv4(host)) {
    return std::nullopt;
  }
  address.host = std::move(host);
  return address;
}

std::string config_problems::str() const {
  std::string text;
  for (const auto& x : list) {
    text += file + ":" + std::to_string(x.line) + ":" + std::to_string(x.column)
            + ": ";
    text += x.key.empty() ? x.reason : x.key + ": " + x.reason;
    text += '\n';
  }
  return text;
}

void throw_exception_from_error(const config_problems& problems,
                                const boost::source_location& loc) {
  throw_exception_from_error(fail(errc::config_invalid, problems.str()), loc);
}

config_result parse_config(std::string_view text, const std::string& file,
                           const std::filesystem::path& directory) {
  return parse(text, file, directory, std::nullopt);
}

engine_build this_build() noexcept {
  return {.torch = TROUPE_HAVE_TORCH != 0};
}

config_result load_config(const std::filesystem::path& file,
                          engine_build beside) {
  std::error_code error;
  auto directory = std::filesystem::absolute(file, error).parent_path();
  auto name = file.string();
  if (error)
    return whole_file_problem(name, error.message());
  if (std::filesystem::is_directory(file, error))
    return whole_file_problem(name, "is a folder");
  std::ifstream in{file, std::ios::binary}; // tidy: seams: read once at start
  if (!in)
    return whole_file_problem(name, "cannot be read: "
                                      + std::generic_category().message(errno));
  std::string text(file_bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  if (in.bad())
    return whole_file_problem(name, "cannot be read to its end");
  return parse(text, name, directory, beside);
}

config demo_config(const std::filesystem::path& executable,
                   engine_build beside) {
  config value;
  std::error_code ignored;
  value.node.data_dir =
    std::filesystem::absolute(value.node.data_dir, ignored).string();
  model_settings quick;
  quick.name = "sim-fast";
  quick.backend = model_backend::simulated;
  quick.simulated.emplace();
  if (auto folder = demo_model_folder(executable); folder && beside.torch) {
    model_settings writer;
    writer.name = "writer";
    writer.path = folder->lexically_normal().string();
    value.models.push_back(std::move(writer));
  }
  value.models.push_back(std::move(quick));
  return value;
}

} // namespace troupe::runtime
