#include "models/utf8.hpp"

#include <cstdint>

namespace troupe::models {
namespace {

struct sequence {
  size_t size = 0;         ///< Bytes in all; 0 = no lead byte.
  unsigned second_min = 0; ///< The second byte alone has narrower bounds.
  unsigned second_max = 0;
};

/// Table 3-7 of the Unicode standard, well-formed UTF-8 byte sequences.
sequence sequence_of(unsigned lead) noexcept {
  if (lead < 0x80)
    return {1, 0, 0};
  if (lead >= 0xC2 && lead <= 0xDF)
    return {2, 0x80, 0xBF};
  if (lead >= 0xE0 && lead <= 0xEF)
    return {3, lead == 0xE0 ? 0xA0u : 0x80u, lead == 0xED ? 0x9Fu : 0xBFu};
  if (lead >= 0xF0 && lead <= 0xF4)
    return {4, lead == 0xF0 ? 0x90u : 0x80u, lead == 0xF4 ? 0x8Fu : 0xBFu};
  return {};
}

} // namespace

bool valid_utf8(std::string_view bytes) noexcept {
  auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  for (size_t i = 0; i < bytes.size();) {
    auto s = sequence_of(at(i));
    if (s.size == 0 || s.size > bytes.size() - i)
      return false;
    if (s.size > 1 && (at(i + 1) < s.second_min || at(i + 1) > s.second_max))
      return false;
    for (size_t k = 2; k < s.size; ++k)
      if ((at(i + k) & 0xC0) != 0x80)
        return false;
    i += s.size;
  }
  return true;
}

} // namespace troupe::models
