// Rows for people and for programs: aligned columns on a terminal, else lines
// of tab-separated values with a header line.
#pragma once

#include "cluster/cli/cli_context.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace troupe::cluster {

/// Without what moves a terminal's cursor or breaks a line: control characters
/// become `?`. For cells and messages.
std::string one_line(std::string_view text);

/// The same for text of several lines: line feeds and tabs stay.
std::string safe_text(std::string_view text);

class table {
public:
  struct column {
    std::string title;
    size_t width_min = 0; ///< On a terminal, for tables that grow.
  };

  table(const cli_context& context, std::vector<column> columns);

  /// Collects a row; short rows end with empty cells.
  void add(std::vector<std::string> cells);
  /// Prints what was collected, after the header if that did not come yet.
  void flush();

private:
  void print(const std::vector<std::string>& cells);

  const cli_context& context_;
  std::vector<column> columns_;
  std::vector<std::vector<std::string>> rows_;
  bool header_printed_ = false;
};

} // namespace troupe::cluster
