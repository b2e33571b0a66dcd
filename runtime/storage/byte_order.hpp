// Big-endian numbers in keys and fixed-layout files: their order as bytes is
// their order as numbers.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::runtime {

template <std::unsigned_integral T>
void append_big_endian(std::string& out, T value) {
  for (size_t i = sizeof(T); i-- > 0;)
    out.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
}

/// `bytes` has at least sizeof(T) from `offset`.
template <std::unsigned_integral T>
T read_big_endian(std::string_view bytes, size_t offset) noexcept {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(static_cast<uint64_t>(value) << 8
                           | static_cast<uint8_t>(bytes[offset + i]));
  return value;
}

} // namespace troupe::runtime
