#include "tests/tidy/source_text.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>

namespace troupe::tidy {
namespace {

namespace fs = std::filesystem;

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Copies a file and blanks what is no code; newlines stay where they are.
class blanker {
public:
  explicit blanker(std::string_view text) : text_(text), out_(text) {}

  std::string run() {
    while (at_ < text_.size())
      step();
    return out_;
  }

private:
  void step() {
    if (starts("//"))
      blank_until(text_.find('\n', at_));
    else if (starts("/*"))
      blank_until(end_of("*/", at_ + 2));
    else if (starts("R\"") && (at_ == 0 || !is_word(text_[at_ - 1])))
      raw_literal();
    else if (text_[at_] == '"')
      literal('"');
    else if (text_[at_] == '\'' && !is_separator())
      literal('\'');
    else
      ++at_;
  }

  bool starts(std::string_view what) const {
    return text_.substr(at_).starts_with(what);
  }

  std::size_t end_of(std::string_view what, std::size_t from) const {
    auto found = text_.find(what, from);
    return found == std::string_view::npos ? found : found + what.size();
  }

  // The quote inside 1'000.
  bool is_separator() const {
    return at_ > 0 && is_word(text_[at_ - 1]) && at_ + 1 < text_.size()
           && is_word(text_[at_ + 1])
           && std::isxdigit(static_cast<unsigned char>(text_[at_ - 1])) != 0;
  }

  void blank_until(std::size_t end) {
    end = std::min(end, text_.size());
    for (; at_ < end; ++at_)
      if (text_[at_] != '\n')
        out_[at_] = ' ';
  }

  // Blanks what is between the quotes, not the quotes.
  void literal(char quote) {
    auto end = at_ + 1;
    while (end < text_.size() && text_[end] != quote && text_[end] != '\n')
      end += text_[end] == '\\' ? 2 : 1;
    ++at_;
    blank_until(end);
    at_ = std::min(at_ + 1, text_.size());
  }

  void raw_literal() {
    auto open = text_.find('(', at_);
    if (open == std::string_view::npos)
      return blank_until(open);
    auto close =
      ")" + std::string{text_.substr(at_ + 2, open - at_ - 2)} + "\"";
    auto end = end_of(close, open);
    at_ += 2;
    blank_until(end == std::string_view::npos ? end : end - 1);
    at_ = std::min(at_ + 1, text_.size());
  }

  std::string_view text_;
  std::string out_;
  std::size_t at_ = 0;
};

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    auto end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool is_skipped(const fs::path& folder) {
  auto name = folder.filename().string();
  return name.starts_with(".") || name == "build" || name == "node_modules"
         || name == "troupe-data";
}

bool is_wanted(const fs::path& file) {
  auto ending = file.extension();
  return ending == ".cpp" || ending == ".hpp" || ending == ".md"
         || file.filename() == "CMakeLists.txt";
}

} // namespace

source_text make_source(std::string path, std::string_view content) {
  source_text text;
  text.path = std::move(path);
  text.lines = split_lines(content);
  text.code =
    split_lines(text.is_cpp() ? blanker{content}.run() : std::string{content});
  return text;
}

std::vector<source_text> read_tree(const fs::path& root) {
  std::vector<source_text> tree;
  fs::recursive_directory_iterator walk{root};
  for (auto it = begin(walk); it != end(walk); ++it) {
    if (it->is_directory() && is_skipped(it->path()))
      it.disable_recursion_pending();
    if (!it->is_regular_file() || !is_wanted(it->path()))
      continue;
    std::ifstream in{it->path(), std::ios::binary};
    std::string content{std::istreambuf_iterator<char>{in}, {}};
    auto path = it->path().lexically_relative(root).generic_string();
    tree.push_back(make_source(std::move(path), content));
  }
  std::sort(tree.begin(), tree.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return tree;
}

bool has_exception(const source_text& text, std::size_t line,
                   std::string_view rule) {
  auto mark = "// tidy: " + std::string{rule} + ": ";
  auto first = line == 0 ? 0 : line - std::min<std::size_t>(line, 2);
  auto last = line == 0 ? std::size_t{10} : line;
  last = std::min(last, text.lines.size());
  for (auto i = first; i < last; ++i) {
    auto found = text.lines[i].find(mark);
    if (found != std::string::npos
        && text.lines[i].size() > found + mark.size())
      return true;
  }
  return false;
}

} // namespace troupe::tidy
