// SHA-256 (FIPS 180-4) through OpenSSL: idempotency keys, body fingerprints and
// digests of API keys.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace troupe::runtime {

constexpr size_t sha256_size = 32;

/// 32 raw bytes.
std::string sha256(std::string_view bytes);

/// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

/// Takes as long for equal as for different texts of the same length.
bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

} // namespace troupe::runtime
