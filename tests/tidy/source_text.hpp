// A source file as the rules see it: its lines as they are, and the same lines
// with comments and the contents of literals blanked out.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::tidy {

struct source_text {
  std::string path;               ///< From the root, with slashes.
  std::vector<std::string> lines; ///< As written.
  std::vector<std::string> code;  ///< Same lengths; blanks for the rest.

  bool is_header() const { return path.ends_with(".hpp"); }
  bool is_cpp() const { return is_header() || path.ends_with(".cpp"); }
  bool is_under(std::string_view folder) const {
    return path.starts_with(folder);
  }
};

/// Where a rule is broken. `line` counts from 1; 0 is the whole file.
struct finding {
  std::string path;
  std::size_t line = 0;
  std::string rule;
  std::string what;
};
using findings = std::vector<finding>;

source_text make_source(std::string path, std::string_view content);

/// The project's own files under `root` (C++, CMake, Markdown), in the order of
/// their paths; no build folders, no hidden ones.
std::vector<source_text> read_tree(const std::filesystem::path& root);

/// Whether `// tidy: <rule>: <reason>` stands on that line or the one before
/// it; for line 0, in the file's first ten lines.
bool has_exception(const source_text& text, std::size_t line,
                   std::string_view rule);

} // namespace troupe::tidy
