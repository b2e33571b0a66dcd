// The byte-to-character table of byte-level BPE (GPT-2's `bytes_to_unicode`):
// every byte has a printable character, so that tokenizer.json can name it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace troupe::models {

/// The code point that stands for `byte`: itself where printable, else
/// U+0100 and up in byte order.
char32_t alphabet_character(unsigned char byte) noexcept;

/// `bytes` spelled in the alphabet, as UTF-8. Total.
std::string to_alphabet(std::string_view bytes);

/// Inverse of `to_alphabet`; nothing if a character is not in the alphabet.
std::optional<std::string> from_alphabet(std::string_view spelled);

} // namespace troupe::models
