// CRC-32C (Castagnoli; RFC 3720 appendix B.4), the checksum of ledger lines and
// high-water slots. RocksDB has one but does not export it.
#pragma once

#include <cstdint>
#include <string_view>

namespace troupe::runtime {

/// Continues from `crc`, the value for the bytes before (0 = none):
/// crc32c(ab) == crc32c(b, crc32c(a)).
uint32_t crc32c(std::string_view bytes, uint32_t crc = 0) noexcept;

namespace detail {
/// The table version, for machines without the instruction; same values.
uint32_t crc32c_portable(std::string_view bytes, uint32_t crc) noexcept;
} // namespace detail

} // namespace troupe::runtime
