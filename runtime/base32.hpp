// Crockford's base32 in lower case for 128-bit ids: 26 characters, most
// significant first, so that the order of texts is the order of the numbers.
// The first character carries 3 bits and is 0..7. Alphabet:
// https://www.crockford.com/base32.html, without its aliases: an id has one
// spelling only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace troupe::runtime {

struct uint128_parts {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const uint128_parts&, const uint128_parts&) = default;
};

constexpr size_t base32_size = 26;

std::array<char, base32_size> to_base32(uint128_parts value) noexcept;

/// Exactly 26 characters of the lower-case alphabet, at most 2^128 - 1.
std::optional<uint128_parts> from_base32(std::string_view text) noexcept;

} // namespace troupe::runtime
