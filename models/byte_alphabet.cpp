#include "models/byte_alphabet.hpp"

#include <array>
#include <cstdint>

namespace troupe::models {

namespace {

constexpr uint32_t characters_end = 0x100 + 68; // 68 bytes are not printable

struct tables {
  std::array<char32_t, 256> character{};
  std::array<int16_t, characters_end> byte{};
};

constexpr bool printable(uint32_t b) {
  return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
}

constexpr tables make_tables() {
  tables made;
  for (auto& slot : made.byte)
    slot = -1;
  uint32_t next = 0x100;
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t c = printable(b) ? b : next++;
    made.character[b] = c;
    made.byte[c] = static_cast<int16_t>(b);
  }
  return made;
}

constexpr tables table = make_tables();

} // namespace

char32_t alphabet_character(unsigned char byte) noexcept {
  return table.character[byte];
}

std::string to_alphabet(std::string_view bytes) {
  std::string spelled;
  spelled.reserve(bytes.size() * 2);
  for (char c : bytes) {
    // All characters of the alphabet are below U+0800.
    auto point = table.character[static_cast<unsigned char>(c)];
    if (point < 0x80) {
      spelled += static_cast<char>(point);
    } else {
      spelled += static_cast<char>(0xC0 | (point >> 6));
      spelled += static_cast<char>(0x80 | (point & 0x3F));
    }
  }
  return spelled;
}

std::optional<std::string> from_alphabet(std::string_view spelled) {
  std::string bytes;
  for (size_t i = 0; i < spelled.size(); ++i) {
    auto lead = static_cast<unsigned char>(spelled[i]);
    uint32_t point = lead;
    if (lead >= 0x80) {
      if ((lead & 0xE0) != 0xC0 || i + 1 == spelled.size())
        return std::nullopt;
      auto next = static_cast<unsigned char>(spelled[++i]);
      if ((next & 0xC0) != 0x80)
        return std::nullopt;
      point = (lead & 0x1Fu) << 6 | (next & 0x3Fu);
    }
    if (point >= characters_end || table.byte[point] < 0)
      return std::nullopt;
    bytes += static_cast<char>(table.byte[point]);
  }
  return bytes;
}

} // namespace troupe::models
