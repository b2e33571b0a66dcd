// Fills a `config` from one YAML document and notes everything that is wrong,
// each with its place. The only file pair of the configuration that knows
// yaml-cpp.
#pragma once

#include "runtime/config_schema.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace troupe::runtime {

class config_reader {
public:
  /// Relative paths in the text are relative to `directory`.
  explicit config_reader(std::filesystem::path directory);
  ~config_reader();
  config_reader(const config_reader&) = delete;
  config_reader& operator=(const config_reader&) = delete;

  /// Reads `text` over the defaults. Never throws.
  config read(std::string_view text);

  /// Notes a problem at the place of `key`, else of the nearest part of it
  /// that the text has. Ignored for keys that could not be read.
  void report(const std::string& key, const std::string& reason);

  /// In the order of the text; each place and reason once.
  std::vector<config_problem> problems() const;

private:
  class visitor;
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace troupe::runtime
