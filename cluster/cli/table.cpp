#include "cluster/cli/table.hpp"

#include <algorithm>
#include <ostream>

namespace troupe::cluster {
namespace {

std::string cleaned(std::string_view text, bool keep_lines) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    bool kept = keep_lines && (text[i] == '\n' || text[i] == '\t');
    if ((byte < 0x20 || byte == 0x7F) && !kept) {
      out += '?';
    } else if (byte == 0xC2 && i + 1 < text.size()
               && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      out += '?'; // U+0080..U+009F: control characters too.
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// Characters, not bytes: all but continuation bytes of UTF-8.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(
    std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

} // namespace

std::string one_line(std::string_view text) {
  return cleaned(text, false);
}

std::string safe_text(std::string_view text) {
  return cleaned(text, true);
}

table::table(const cli_context& context, std::vector<column> columns)
  : context_{context}, columns_{std::move(columns)} {}

void table::add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (auto& cell : cells)
    cell = one_line(cell);
  rows_.push_back(std::move(cells));
}

void table::flush() {
  for (size_t i = 0; i < columns_.size(); ++i) {
    auto& width = columns_[i].width_min;
    width = std::max(width, width_of(columns_[i].title));
    for (const auto& row : rows_)
      width = std::max(width, width_of(row[i]));
  }
  if (!header_printed_) {
    std::vector<std::string> titles;
    for (const auto& x : columns_)
      titles.push_back(x.title);
    print(titles);
  }
  header_printed_ = true;
  for (const auto& row : rows_)
    print(row);
  rows_.clear();
  context_.out.flush();
}

void table::print(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    line += cells[i];
    if (i + 1 == cells.size())
      break;
    if (!context_.out_is_terminal)
      line += '\t';
    else
      line.append(columns_[i].width_min - width_of(cells[i]) + 2, ' ');
  }
  context_.out << line << '\n';
}

} // namespace troupe::cluster
