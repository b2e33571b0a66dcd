// The rules that look for words: file names, banned tokens, open ends.
#include "tests/tidy/rule_text.hpp"
#include "tests/tidy/rules.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <regex>
#include <string_view>

namespace troupe::tidy {
namespace {

// The seams to the clock, entropy and threads, and those to disk and network;
// elsewhere a line needs an exception with its reason.
constexpr std::array<std::string_view, 3> time_seams{
  "runtime/clock.", "runtime/rng.", "cluster/main.cpp"};
constexpr std::array<std::string_view, 8> file_seams{"runtime/storage/",
                                                     "runtime/config_files.",
                                                     "runtime/http_client.",
                                                     "models/child_process.",
                                                     "models/engine_channel.",
                                                     "models/line_log.",
                                                     "gateway/",
                                                     "cluster/main.cpp"};

template <std::size_t N>
bool is_one_of(const source_text& text,
               const std::array<std::string_view, N>& places) {
  return std::any_of(places.begin(), places.end(),
                     [&](auto place) { return text.is_under(place); });
}

bool is_product(const source_text& text) {
  return text.is_cpp() && !text.is_under("tests/") && !text.is_under("cmake/");
}

} // namespace

findings check_names(const source_text& text) {
  static const std::regex bad{
    R"((^|_)(utils?|helpers?|common|misc|manager)(_|\.)|[a-z_]2\.|_new\.|_old\.)"};
  static const std::regex bracket{R"(\bTEST_CASE\("[^"]*[\[\]\\])"};
  auto name = text.path.substr(text.path.rfind('/') + 1);
  findings out;
  if (!text.is_cpp() || text.is_under("tests/tidy/"))
    return out;
  if (std::regex_search(name, bad) && !has_exception(text, 0, "names"))
    out.push_back({text.path, 0, "names", "a file name that says nothing"});
  for (std::size_t i = 0; i < text.lines.size(); ++i)
    if (std::regex_search(text.lines[i], bracket))
      out.push_back({text.path, i + 1, "names", "a bracket in a test's name"});
  return out;
}

findings check_actor(const source_text& text) {
  static const std::regex banned{
    R"(caf::infinite|\.await\(|caf/all\.hpp|CAF_ALLOW_UNSAFE_MESSAGE_TYPE)"
    R"(|\bstd::(mutex|shared_mutex|recursive_mutex|lock_guard|unique_lock)\b)"
    R"(|\bstd::(scoped_lock|condition_variable|thread|jthread|async)\b)"};
  if (!text.is_under("actors/") || !text.is_cpp())
    return {};
  return lines_with(text, banned, "actor", "not in actors/");
}

findings check_waits(const source_text& text) {
  static const std::regex waiting{
    R"(\bsleep_(for|until)\b|\b(u|nano)?sleep\(|\bsystem_clock::now\b)"
    R"(|\bhigh_resolution_clock\b|\btime\((nullptr|0|NULL)\))"
    R"(|\bhtons\(\s*[1-9]|\bendpoint\{?\(?[^;]*,\s*[1-9][0-9]{2,}\s*[})])"};
  if (!text.is_under("tests/") || text.is_under("tests/bench/")
      || !text.is_cpp())
    return {};
  return lines_with(text, waiting, "waits",
                    "a test does not sleep, ask the wall clock or fix a port");
}

findings check_seams(const source_text& text) {
  static const std::regex time{
    R"(\b\w+_clock::now\b|\brandom_device\b|\bstd::(jthread|async)\b)"
    R"(|\bstd::thread\b(?!::hardware_concurrency))"
    R"(|\bsleep_(for|until)\b|\b(u|nano)sleep\(|\bgetrandom\()"};
  static const std::regex file{
    R"(\bstd::(basic_)?[io]?fstream\b|\bfopen\(|\bf(data)?sync\(|\bmmap\()"
    R"(|(^|[^\w:>.])::(open|read|write|pread|pwrite|socket|socketpair|connect)\()"
    R"(|(^|[^\w:>.])::(accept4?|bind|listen|sendmsg|send|recvmsg|recv|poll)\()"};
  findings out;
  if (!is_product(text))
    return out;
  if (!is_one_of(text, time_seams))
    out = lines_with(text, time, "seams", "only in a seam");
  if (!is_one_of(text, file_seams)) {
    auto more = lines_with(text, file, "seams", "only in a seam");
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

findings check_todo(const source_text& text) {
  static const std::regex mark{R"(\b(TODO|FIXME|HACK|XXX)\b)"};
  static const std::regex numbered{R"(\bTODO\(#[0-9]+\))"};
  findings out;
  if (text.is_under("tests/tidy/"))
    return out;
  for (std::size_t i = 0; i < text.lines.size(); ++i)
    if (std::regex_search(text.lines[i], mark)
        && !std::regex_search(text.lines[i], numbered))
      out.push_back({text.path, i + 1, "todo", "write TODO(#issue)"});
  return out;
}

} // namespace troupe::tidy
