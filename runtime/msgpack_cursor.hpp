// Reads msgpack one value at a time out of bytes that nobody vouches for. It
// allocates nothing and never looks past the end: a length is believed only as
// far as bytes are left. (msgpack-c's own unpacker reserves what an array
// header announces before it has seen one element.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace troupe::runtime {

/// Each reader consumes one value, or consumes nothing and returns nullopt when
/// the next value has another type, is out of range or is cut off. The views it
/// returns point into the input. Not thread-safe; cheap to copy.
class msgpack_cursor {
public:
  /// Containers nested deeper than this are refused by `skip`.
  static constexpr size_t depth_max = 32;

  explicit msgpack_cursor(std::string_view bytes) noexcept : bytes_{bytes} {}

  std::optional<uint64_t> unsigned_integer() noexcept;
  std::optional<int64_t> integer() noexcept;
  /// float32, float64 or any integer.
  std::optional<double> real() noexcept;
  std::optional<bool> boolean() noexcept;
  /// Not checked to be UTF-8.
  std::optional<std::string_view> text() noexcept;
  std::optional<std::string_view> binary() noexcept;
  /// Number of elements that follow; at most the bytes left.
  std::optional<uint32_t> array() noexcept;
  /// Number of key-value pairs that follow; at most half of the bytes left.
  std::optional<uint32_t> map() noexcept;
  /// Consumes a nil if there is one.
  bool nil() noexcept;
  /// Consumes any one value with all it contains.
  bool skip() noexcept;

  bool at_end() const noexcept { return offset_ == bytes_.size(); }
  size_t offset() const noexcept { return offset_; }
  size_t left() const noexcept { return bytes_.size() - offset_; }

private:
  struct head {
    uint8_t tag = 0;
    uint64_t big_endian = 0; ///< The number after the tag.
    size_t size = 1;         ///< Tag and number.
  };
  std::optional<head> peek() const noexcept;
  std::optional<std::string_view> body(const head& h, uint64_t size) noexcept;
  struct opened {
    uint64_t elements = 0; ///< Values to come inside of a container.
  };
  std::optional<opened> open_any() noexcept;

  std::string_view bytes_;
  size_t offset_ = 0;
};

} // namespace troupe::runtime
