// GCC 12 destroys the captures of a lambda twice when the lambda is a coroutine
// or a temporary of a co_await expression, and resumes a frame at the wrong place
// after a co_await inside a condition: gateway/coroutine.hpp.
#include "tests/tidy/rules.hpp"

#include <algorithm>
#include <cctype>
#include <regex>
#include <string>

namespace troupe::tidy {
namespace {

std::string joined(const source_text& text) {
  std::string all;
  for (const auto& line : text.code)
    all += line + '\n';
  return all;
}

// The place of the bracket that closes the one at `open`.
std::size_t closing(const std::string& code, std::size_t open) {
  int depth = 0;
  for (auto i = open; i < code.size(); ++i) {
    if (code[i] == '{' || code[i] == '(' || code[i] == '[')
      ++depth;
    if ((code[i] == '}' || code[i] == ')' || code[i] == ']') && --depth == 0)
      return i;
  }
  return code.size();
}

// Whether a lambda with captures begins at this '['.
bool captures(const std::string& code, std::size_t at) {
  auto before = code.find_last_not_of(" \n", at == 0 ? 0 : at - 1);
  if (at > 0 && before != std::string::npos
      && (std::isalnum(static_cast<unsigned char>(code[before])) != 0
          || code[before] == '_' || code[before] == ')' || code[before] == ']'
          || code[before] == '[')
      && !code.substr(0, before + 1).ends_with("return"))
    return false;
  auto close = closing(code, at);
  auto list = code.substr(at + 1, close - at - 1);
  if (list.starts_with("[")
      || list.find_first_not_of(" \n") == std::string::npos)
    return false;
  auto after = code.find_first_not_of(" \n", close + 1);
  return after != std::string::npos
         && (code[after] == '(' || code[after] == '{' || code[after] == '<'
             || code.substr(after, 7) == "mutable");
}

std::size_t line_of(const std::string& code, std::size_t at) {
  auto end = code.begin() + static_cast<std::ptrdiff_t>(at);
  return static_cast<std::size_t>(std::count(code.begin(), end, '\n')) + 1;
}

// The end of the expression at `at`: its ';' or the bracket around it.
std::size_t expression_end(const std::string& code, std::size_t at) {
  for (auto i = at; i < code.size(); ++i) {
    if (code[i] == '(' || code[i] == '{' || code[i] == '[')
      i = closing(code, i);
    else if (code[i] == ';' || code[i] == ')' || code[i] == '}')
      return i;
  }
  return code.size();
}

// Whether the innermost open bracket before `at` is no brace: a condition, an
// argument or an index.
bool in_parentheses(const std::string& code, std::size_t at) {
  int depth = 0;
  for (auto i = at; i-- > 0;) {
    if (code[i] == ')' || code[i] == ']' || code[i] == '}')
      ++depth;
    if ((code[i] == '(' || code[i] == '[' || code[i] == '{') && depth-- == 0)
      return code[i] != '{';
  }
  return false;
}

// Whether what precedes `at` begins a statement or ends in `=` or `co_return`.
bool begins_expression(const std::string& code, std::size_t at) {
  static const std::regex start{
    R"((^|[;{}):]|[^=!<>+\-*/%&|^]=|\bco_return|\belse|\bdo)\s*$)"};
  auto from = at < 32 ? 0 : at - 32; // Enough for the word before.
  return std::regex_search(code.substr(from, at - from), start);
}

bool is_coroutine(const std::string& body) {
  static const std::regex keyword{R"(\bco_(await|return|yield)\b)"};
  return std::regex_search(body, keyword);
}

} // namespace

findings check_coroutine(const source_text& text) {
  findings out;
  auto code = joined(text);
  if (!text.is_cpp() || code.find("co_") == std::string::npos)
    return out;
  auto report = [&](std::size_t at, const std::string& what) {
    auto line = line_of(code, at);
    if (!has_exception(text, line, "coroutine"))
      out.push_back({text.path, line, "coroutine", what});
  };
  for (auto at = code.find('['); at != std::string::npos;
       at = code.find('[', at + 1)) {
    if (!captures(code, at))
      continue;
    auto open = code.find_first_of("{;", closing(code, at));
    if (open != std::string::npos && code[open] == '{'
        && is_coroutine(code.substr(open, closing(code, open) - open)))
      report(at, "a lambda with captures is a coroutine");
  }
  for (auto at = code.find("co_await"); at != std::string::npos;
       at = code.find("co_await", at + 8)) {
    if (in_parentheses(code, at) || !begins_expression(code, at))
      report(at, "co_await inside a condition or a larger expression");
    auto end = expression_end(code, at + 8);
    for (auto inner = code.find('[', at); inner < end;
         inner = code.find('[', inner + 1))
      if (captures(code, inner))
        report(inner, "a lambda with captures in a co_await expression");
  }
  return out;
}

} // namespace troupe::tidy
