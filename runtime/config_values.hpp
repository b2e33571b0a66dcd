// From the text of one scalar of the configuration to a checked value, or the
// reason why it is none.
#pragma once

#include "runtime/config_schema.hpp"

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace troupe::runtime {

template <class T>
struct value_or_reason {
  std::optional<T> value;
  std::string reason; ///< Empty iff there is a value.
};

/// A scalar (of a number: without quotes); nothing if it was something else.
using plain_scalar = std::optional<std::string>;

value_or_reason<uint64_t> read_integer(const plain_scalar& text,
                                       integer_range range);
value_or_reason<double> read_real(const plain_scalar& text, real_range range);
value_or_reason<duration> read_seconds(const plain_scalar& text,
                                       real_range range);
/// The index of the word.
value_or_reason<size_t> read_word(const plain_scalar& text, word_list words);
/// Paths become absolute against `directory`; an empty path stays empty.
value_or_reason<std::string> read_text(const std::string& text, text_rule rule,
                                       const std::filesystem::path& directory);

// For people, as in the reference.
std::string describe_range(integer_range range);
std::string describe_range(real_range range);
std::string describe_words(word_list words);
/// The shortest decimal text that reads back to the same number.
std::string number_text(double value);
std::string seconds_text(duration value);

/// Without control characters and at most 80 bytes, for messages.
std::string printable(std::string_view text);
/// ` (did you mean 'listen'?)`, or nothing when no known word is near.
std::string did_you_mean(std::string_view word,
                         const std::set<std::string, std::less<>>& known);

} // namespace troupe::runtime
