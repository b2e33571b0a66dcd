#include "runtime/storage/crc32c.hpp"

#include <array>
#include <cstring>

namespace troupe::runtime {
namespace {

constexpr uint32_t polynomial = 0x82F63B78; // Reflected.

using slicing_tables = std::array<std::array<uint32_t, 256>, 8>;

// Slicing-by-8: Kounavis and Berry, "Novel Table Lookup-Based Algorithms for
// High-Performance CRC Generation", 2008.
constexpr slicing_tables make_tables() {
  slicing_tables t{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit)
      crc = crc & 1 ? crc >> 1 ^ polynomial : crc >> 1;
    t[0][i] = crc;
  }
  for (size_t i = 0; i < 256; ++i)
    for (size_t k = 1; k < 8; ++k)
      t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 0xFF];
  return t;
}

constexpr slicing_tables tables = make_tables();

uint32_t one_byte(uint32_t crc, char byte) noexcept {
  return crc >> 8 ^ tables[0][(crc ^ static_cast<uint8_t>(byte)) & 0xFF];
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t crc32c_sse42(std::string_view bytes,
                                                        uint32_t crc) noexcept {
  uint64_t state = ~crc;
  while (bytes.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    state = __builtin_ia32_crc32di(state, word);
    bytes.remove_prefix(8);
  }
  auto narrow = static_cast<uint32_t>(state);
  for (const char byte : bytes)
    narrow = __builtin_ia32_crc32qi(narrow, static_cast<uint8_t>(byte));
  return ~narrow;
}
#endif

} // namespace

namespace detail {

uint32_t crc32c_portable(std::string_view bytes, uint32_t crc) noexcept {
  crc = ~crc;
  while (bytes.size() >= 8) {
    uint32_t word[8];
    for (size_t i = 0; i < 8; ++i)
      word[i] = static_cast<uint8_t>(bytes[i]);
    for (size_t i = 0; i < 4; ++i)
      word[i] ^= crc >> (8 * i) & 0xFF;
    crc = 0;
    for (size_t i = 0; i < 8; ++i)
      crc ^= tables[7 - i][word[i]];
    bytes.remove_prefix(8);
  }
  for (const char byte : bytes)
    crc = one_byte(crc, byte);
  return ~crc;
}

} // namespace detail

uint32_t crc32c(std::string_view bytes, uint32_t crc) noexcept {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction)
    return crc32c_sse42(bytes, crc);
#endif
  return detail::crc32c_portable(bytes, crc);
}

} // namespace troupe::runtime
