// The rules about how files belong together: layers, lists, links.
#include "tests/tidy/rules.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <regex>
#include <string>
#include <string_view>

namespace troupe::tidy {
namespace {

constexpr std::array<std::string_view, 5> layers{"runtime", "models", "actors",
                                                 "gateway", "cluster"};

// A library (how its includes begin) and where it may be included.
struct confinement {
  const char* library;
  const char* allowed;
};
constexpr std::array<confinement, 9> confinements{{
  {"^rocksdb/", "^runtime/storage/.*[.]cpp$"},
  {"^(libpq-fe|postgresql/)", "^runtime/storage/.*[.]cpp$"},
  {"^boost/(asio|beast)", "^(runtime/http_client[.]cpp|gateway/|cluster/)"},
  {"^(torch|ATen|c10)/", "^models/torch_[^/]*[.]cpp$"},
  {"^caf/(io|openssl)/", "^cluster/"},
  {"^caf/", "^(actors/|gateway/actor_port|cluster/)"},
  {"^boost/json", "^(runtime|models|gateway|cluster)/"},
  {"^yaml-cpp/", "^runtime/config"},
  {"^prometheus/", "^runtime/metric"},
}};

// What the pure parts of runtime/ do without (runtime/clock.hpp has the types
// of times; asking a clock is a matter of the seams).
const char* const impure = "^(thread|mutex|condition_variable|random|fstream|"
                           "iostream|runtime/rng[.]hpp|"
                           "runtime/storage/.*)$";

std::size_t layer_of(std::string_view path) {
  auto folder = path.substr(0, path.find('/'));
  auto found = std::find(layers.begin(), layers.end(), folder);
  return static_cast<std::size_t>(found - layers.begin());
}

std::string why_not(const std::string& path, const std::string& include,
                    bool quoted) {
  if (quoted && include.starts_with("tests/"))
    return "product code includes a test";
  auto target = layer_of(include);
  if (quoted && target < layers.size() && target > layer_of(path))
    return "a folder to the right";
  auto pure = path.starts_with("runtime/scheduling/")
              || path.starts_with("runtime/overload/");
  if (pure && std::regex_search(include, std::regex{impure}))
    return "not in the pure parts of runtime/";
  if (quoted)
    return {};
  for (const auto& each : confinements)
    if (std::regex_search(include, std::regex{each.library}))
      return std::regex_search(path, std::regex{each.allowed})
               ? std::string{}
               : "a library that is confined to " + std::string{each.allowed};
  return {};
}

struct include_line {
  std::size_t line;
  std::string target;
  bool quoted;
};

std::vector<include_line> includes_of(const source_text& text) {
  static const std::regex pattern{R"(^\s*#\s*include\s*(["<])([^">]+)[">])"};
  std::vector<include_line> out;
  for (std::size_t i = 0; i < text.lines.size(); ++i) {
    std::smatch found;
    if (text.lines[i].starts_with("#")
        && std::regex_search(text.lines[i], found, pattern))
      out.push_back({i + 1, found.str(2), found.str(1) == "\""});
  }
  return out;
}

// Paths that a page names in backticks and that must exist.
findings named_paths(const source_text& text, std::size_t line,
                     const std::function<bool(const std::string&)>& exists) {
  static const std::regex named{
    R"(`((runtime|models|actors|gateway|cluster|tests|docs|cmake)/)"
    R"([\w./-]+\.(hpp|cpp|md|yaml|json|txt|sh)))"};
  findings out;
  const auto& content = text.lines[line];
  for (std::sregex_iterator it{content.begin(), content.end(), named}, end;
       it != end; ++it)
    if (!exists(it->str(1)))
      out.push_back({text.path, line + 1, "docs", it->str(1) + " is no file"});
  return out;
}

} // namespace

findings check_layers(const source_text& text) {
  findings out;
  if (!text.is_cpp() || layer_of(text.path) == layers.size())
    return out;
  for (const auto& each : includes_of(text)) {
    auto reason = why_not(text.path, each.target, each.quoted);
    if (!reason.empty())
      out.push_back(
        {text.path, each.line, "layers", each.target + ": " + reason});
  }
  return out;
}

findings check_docs(const source_text& text,
                    const std::function<bool(const std::string&)>& exists) {
  static const std::regex link{R"(\]\(([^)#\s]+)(#[^)]*)?\))"};
  findings out;
  if (!text.path.ends_with(".md"))
    return out;
  auto folder = std::filesystem::path{text.path}.parent_path();
  for (std::size_t i = 0; i < text.lines.size(); ++i) {
    const auto& line = text.lines[i];
    for (std::sregex_iterator it{line.begin(), line.end(), link}, end;
         it != end; ++it) {
      auto target = it->str(1);
      if (target.find("://") != std::string::npos
          || target.starts_with("mailto:"))
        continue;
      if (!exists((folder / target).lexically_normal().generic_string()))
        out.push_back({text.path, i + 1, "docs", target + " leads nowhere"});
    }
    if (!text.is_under("docs/adr/")) {
      auto paths = named_paths(text, i, exists);
      out.insert(out.end(), paths.begin(), paths.end());
    }
  }
  return out;
}

findings check_own_header_first(const source_text& text,
                                const std::set<std::string>& paths) {
  if (!text.path.ends_with(".cpp"))
    return {};
  auto header = text.path.substr(0, text.path.size() - 3) + "hpp";
  auto includes = includes_of(text);
  if (!paths.contains(header)
      || (!includes.empty() && includes.front().target == header))
    return {};
  return {{text.path, includes.empty() ? 0 : includes.front().line,
           "self-contained", "include " + header + " first"}};
}

findings check_source_lists(const std::vector<source_text>& tree) {
  std::map<std::string, std::string> lists;
  for (const auto& each : tree)
    if (each.path.ends_with("CMakeLists.txt")) {
      auto& list = lists[each.path.substr(0, each.path.find('/'))];
      for (const auto& line : each.lines)
        list += line + "\n";
    }
  findings out;
  for (const auto& each : tree) {
    if (!each.path.ends_with(".cpp") || each.is_under("cmake/"))
      continue;
    auto slash = each.path.find('/');
    const auto& list = lists[each.path.substr(0, slash)];
    auto full = each.path.substr(slash + 1);
    auto name = each.path.substr(each.path.rfind('/') + 1);
    auto in_subfolder = each.is_under("tests/tidy/") ? name : full;
    std::regex entry{"(^|[\\s(])" + in_subfolder + "($|[\\s)])"};
    if (!std::regex_search(list, entry))
      out.push_back({each.path, 0, "lists", "in no CMakeLists.txt"});
  }
  return out;
}

} // namespace troupe::tidy
