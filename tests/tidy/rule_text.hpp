// Means to write a rule: a pattern over the lines of a file.
#pragma once

#include "tests/tidy/source_text.hpp"

#include <regex>
#include <string>

namespace troupe::tidy {

/// The lines of `text.code` that hold `pattern` and have no exception.
inline findings lines_with(const source_text& text, const std::regex& pattern,
                           const std::string& rule, const std::string& why) {
  findings out;
  for (std::size_t i = 0; i < text.code.size(); ++i) {
    std::smatch found;
    if (!std::regex_search(text.code[i], found, pattern)
        || has_exception(text, i + 1, rule))
      continue;
    out.push_back({text.path, i + 1, rule, found.str() + ": " + why});
  }
  return out;
}

} // namespace troupe::tidy
