// Functions are found by their braces: a heuristic that knows this project's
// way of writing, not C++.
#include "tests/tidy/rules.hpp"

#include <array>
#include <cctype>
#include <regex>
#include <string>

namespace troupe::tidy {
namespace {

constexpr std::size_t header_lines_max = 300;
constexpr std::size_t source_lines_max = 500;
constexpr std::size_t function_lines_max = 60;
constexpr std::size_t behavior_lines_max = 40;

enum class block { scope, function, other };

std::string trimmed(std::string text) {
  auto first = text.find_first_not_of(" \t\n");
  if (first == std::string::npos)
    return {};
  auto last = text.find_last_not_of(" \t\n");
  return text.substr(first, last - first + 1);
}

std::string last_word(const std::string& text) {
  auto begin = text.size();
  while (begin > 0
         && (std::isalnum(static_cast<unsigned char>(text[begin - 1])) != 0
             || text[begin - 1] == '_'))
    --begin;
  return text.substr(begin);
}

// What a brace opens, by the text before it. `other` is an initialiser.
block classify(const std::string& head) {
  static const std::regex scope_head{
    R"(^((inline\s+)?namespace\b|extern\b|(template\s*<[^;]*>\s*)?)"
    R"((class|struct|union|enum)\b[^(]*$))"};
  if (std::regex_search(head, scope_head))
    return block::scope;
  auto parameters = head.rfind(')');
  if (parameters == std::string::npos || head.back() == '=')
    return block::other;
  auto tail = trimmed(head.substr(parameters + 1));
  if (tail.empty() || tail.starts_with("->") || tail.ends_with("}"))
    return block::function;
  static const std::array<std::string, 6> qualifiers{
    "const", "noexcept", "override", "final", "mutable", "try"};
  auto word = last_word(tail);
  for (const auto& each : qualifiers)
    if (word == each)
      return block::function;
  return block::other;
}

class function_finder {
public:
  explicit function_finder(const source_text& text) : text_(text) {}

  findings run() {
    for (line_ = 0; line_ < text_.code.size(); ++line_) {
      if (text_.code[line_].starts_with("#"))
        continue;
      for (char c : text_.code[line_])
        take(c);
      head_ += '\n';
    }
    return out_;
  }

private:
  void take(char c) {
    if (inside_ > 0) {
      inside_ += c == '{' ? 1 : c == '}' ? -1 : 0;
      if (inside_ == 0)
        leave();
    } else if (c == '{') {
      enter();
    } else if (c == ';' || c == '}') {
      head_.clear();
    } else {
      if (trimmed(head_).empty())
        head_line_ = line_;
      head_ += c;
    }
  }

  void enter() {
    kind_ = classify(trimmed(head_));
    if (kind_ == block::scope)
      head_.clear();
    else
      inside_ = 1;
  }

  void leave() {
    if (kind_ == block::other) {
      head_ += "}"; // a_{1}, b_{2} {
      return;
    }
    auto behavior = head_.find("make_behavior(") != std::string::npos;
    auto limit = behavior ? behavior_lines_max : function_lines_max;
    auto length = line_ - head_line_ + 1;
    if (length > limit && !has_exception(text_, head_line_ + 1, "length"))
      out_.push_back({text_.path, head_line_ + 1, "length",
                      "a function of " + std::to_string(length)
                        + " lines, more than " + std::to_string(limit)});
    head_.clear();
  }

  const source_text& text_;
  findings out_;
  std::string head_; // code since the last statement or block
  std::size_t head_line_ = 0;
  std::size_t line_ = 0;
  int inside_ = 0; // open braces of the function or initialiser
  block kind_ = block::other;
};

} // namespace

findings check_length(const source_text& text) {
  if (!text.is_cpp())
    return {};
  findings out = function_finder{text}.run();
  auto limit = text.is_header() ? header_lines_max : source_lines_max;
  if (text.lines.size() > limit && !has_exception(text, 0, "length"))
    out.push_back({text.path, 0, "length",
                   std::to_string(text.lines.size()) + " lines, more than "
                     + std::to_string(limit)});
  return out;
}

} // namespace troupe::tidy
