#include "runtime/config_values.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace troupe::runtime {
namespace {

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  auto [end, error] =
    std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

bool is_integer_text(std::string_view text) {
  auto digits = text.starts_with('-') ? text.substr(1) : text;
  return !digits.empty()
         && digits.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || (c >= '0' && c <= '9')
         || std::string_view{"._:/@-"}.find(c) != std::string_view::npos;
}

/// Levenshtein's distance.
size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      auto replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

} // namespace

value_or_reason<uint64_t> read_integer(const plain_scalar& text,
                                       integer_range range) {
  if (!text || !is_integer_text(*text))
    return {std::nullopt, "must be a whole number, " + describe_range(range)};
  auto value = parse_number<uint64_t>(*text);
  if (!value || *value < range.min || *value > range.max)
    return {std::nullopt,
            printable(*text) + " is out of range: " + describe_range(range)};
  return {value, {}};
}

value_or_reason<double> read_real(const plain_scalar& text, real_range range) {
  auto value = text ? parse_number<double>(*text) : std::nullopt;
  if (!value || std::isnan(*value))
    return {std::nullopt, "must be a number, " + describe_range(range)};
  if (!(*value >= range.min && *value <= range.max))
    return {std::nullopt,
            printable(*text) + " is out of range: " + describe_range(range)};
  return {value, {}};
}

value_or_reason<duration> read_seconds(const plain_scalar& text,
                                       real_range range) {
  auto read = read_real(text, range);
  if (!read.value)
    return {std::nullopt, std::move(read.reason)};
  return {duration{std::llround(*read.value * 1e6)}, {}};
}

value_or_reason<size_t> read_word(const plain_scalar& text, word_list words) {
  auto found =
    text ? std::find(words.begin(), words.end(), *text) : words.end();
  if (found == words.end())
    return {std::nullopt, "must be " + describe_words(words)};
  return {static_cast<size_t>(found - words.begin()), {}};
}

value_or_reason<std::string> read_text(const std::string& text, text_rule rule,
                                       const std::filesystem::path& directory) {
  if (rule == text_rule::optional_name && text.empty())
    return {text, {}};
  if (rule == text_rule::name || rule == text_rule::optional_name) {
    if (text.empty() || text.size() > 128
        || !std::all_of(text.begin(), text.end(), is_name_char))
      return {std::nullopt, "must be 1 to 128 letters, digits and . _ : / @ -"};
    return {text, {}};
  }
  auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
  if (text.size() > 4096 || std::any_of(text.begin(), text.end(), control))
    return {std::nullopt, "must be a path of at most 4,096 characters"};
  if (text.empty())
    return {text, {}};
  return {(directory / text).lexically_normal().string(), {}};
}

std::string describe_range(integer_range range) {
  if (range.max == UINT64_MAX)
    return "at least " + std::to_string(range.min);
  return std::to_string(range.min) + " to " + std::to_string(range.max);
}

std::string describe_range(real_range range) {
  return number_text(range.min) + " to " + number_text(range.max);
}

std::string describe_words(word_list words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0)
      text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

std::string number_text(double value) {
  char buffer[512]; // The longest double in fixed notation has 327 characters.
  auto [end, error] = std::to_chars(std::begin(buffer), std::end(buffer), value,
                                    std::chars_format::fixed);
  return error == std::errc{} ? std::string{std::begin(buffer), end}
                              : std::to_string(value);
}

std::string seconds_text(duration value) {
  return number_text(static_cast<double>(value.count()) / 1e6);
}

std::string printable(std::string_view text) {
  constexpr size_t size_max = 80;
  std::string clean{text.substr(0, size_max)};
  for (auto& c : clean)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      c = '?';
  return text.size() > size_max ? clean + "..." : clean;
}

std::string did_you_mean(std::string_view word,
                         const std::set<std::string, std::less<>>& known) {
  if (word.size() > 64)
    return {};
  std::string_view best;
  size_t least = 4; // Farther words are no typing mistakes.
  for (const auto& candidate : known)
    if (auto edits = edits_between(word, candidate);
        edits < least && edits * 2 < candidate.size() + 1) {
      least = edits;
      best = candidate;
    }
  return best.empty() ? std::string{}
                      : " (did you mean '" + std::string{best} + "'?)";
}

} // namespace troupe::runtime
