#include "runtime/msgpack_cursor.hpp"

#include <array>
#include <bit>
#include <limits>

namespace troupe::runtime {
namespace {

// The tags of the msgpack specification, by name.
constexpr uint8_t tag_nil = 0xC0;
constexpr uint8_t tag_false = 0xC2;
constexpr uint8_t tag_true = 0xC3;
constexpr uint8_t tag_bin8 = 0xC4;
constexpr uint8_t tag_bin32 = 0xC6;
constexpr uint8_t tag_ext8 = 0xC7;
constexpr uint8_t tag_ext32 = 0xC9;
constexpr uint8_t tag_float32 = 0xCA;
constexpr uint8_t tag_float64 = 0xCB;
constexpr uint8_t tag_uint8 = 0xCC;
constexpr uint8_t tag_uint64 = 0xCF;
constexpr uint8_t tag_int8 = 0xD0;
constexpr uint8_t tag_int64 = 0xD3;
constexpr uint8_t tag_fixext1 = 0xD4;
constexpr uint8_t tag_fixext16 = 0xD8;
constexpr uint8_t tag_str8 = 0xD9;
constexpr uint8_t tag_str32 = 0xDB;
constexpr uint8_t tag_array16 = 0xDC;
constexpr uint8_t tag_array32 = 0xDD;
constexpr uint8_t tag_map16 = 0xDE;
constexpr uint8_t tag_map32 = 0xDF;
constexpr uint8_t tag_negative = 0xE0;

/// Bytes of the number that follows each tag 0xC0 .. 0xDF. 0xC1 is unused.
constexpr std::array<uint8_t, 32> number_bytes = {
  0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8,
  1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4,
};

int64_t sign_extend(uint64_t value, size_t bytes) noexcept {
  const auto shift = static_cast<int>(64 - 8 * bytes);
  return static_cast<int64_t>(value << shift) >> shift;
}

} // namespace

std::optional<msgpack_cursor::head> msgpack_cursor::peek() const noexcept {
  if (at_end())
    return std::nullopt;
  head h;
  h.tag = static_cast<uint8_t>(bytes_[offset_]);
  if (h.tag < tag_nil || h.tag >= tag_negative)
    return h;
  if (h.tag == 0xC1)
    return std::nullopt;
  const size_t count = number_bytes[h.tag - tag_nil];
  if (left() < 1 + count)
    return std::nullopt;
  for (size_t i = 0; i < count; ++i)
    h.big_endian =
      h.big_endian << 8 | static_cast<uint8_t>(bytes_[offset_ + 1 + i]);
  h.size = 1 + count;
  return h;
}

std::optional<uint64_t> msgpack_cursor::unsigned_integer() noexcept {
  const auto before = offset_;
  const auto h = peek();
  if (!h)
    return std::nullopt;
  if (h->tag < 0x80) {
    ++offset_;
    return h->tag;
  }
  if (h->tag >= tag_uint8 && h->tag <= tag_uint64) {
    offset_ += h->size;
    return h->big_endian;
  }
  const auto value = integer();
  if (value && *value >= 0)
    return static_cast<uint64_t>(*value);
  offset_ = before;
  return std::nullopt;
}

std::optional<int64_t> msgpack_cursor::integer() noexcept {
  const auto h = peek();
  if (!h)
    return std::nullopt;
  std::optional<int64_t> value;
  if (h->tag < 0x80)
    value = h->tag;
  else if (h->tag >= tag_negative)
    value = static_cast<int8_t>(h->tag);
  else if (h->tag >= tag_int8 && h->tag <= tag_int64)
    value = sign_extend(h->big_endian, h->size - 1);
  else if (h->tag >= tag_uint8 && h->tag <= tag_uint64
           && h->big_endian <= uint64_t{std::numeric_limits<int64_t>::max()})
    value = static_cast<int64_t>(h->big_endian);
  if (value)
    offset_ += h->size;
  return value;
}

std::optional<double> msgpack_cursor::real() noexcept {
  const auto h = peek();
  if (!h)
    return std::nullopt;
  if (h->tag == tag_float64) {
    offset_ += h->size;
    return std::bit_cast<double>(h->big_endian);
  }
  if (h->tag == tag_float32) {
    offset_ += h->size;
    return std::bit_cast<float>(static_cast<uint32_t>(h->big_endian));
  }
  if (const auto whole = integer())
    return static_cast<double>(*whole);
  if (const auto whole = unsigned_integer())
    return static_cast<double>(*whole);
  return std::nullopt;
}

std::optional<bool> msgpack_cursor::boolean() noexcept {
  const auto h = peek();
  if (!h || (h->tag != tag_false && h->tag != tag_true))
    return std::nullopt;
  ++offset_;
  return h->tag == tag_true;
}

std::optional<std::string_view> msgpack_cursor::body(const head& h,
                                                     uint64_t size) noexcept {
  if (size > left() - h.size)
    return std::nullopt;
  const auto found = bytes_.substr(offset_ + h.size, size);
  offset_ += h.size + size;
  return found;
}

std::optional<std::string_view> msgpack_cursor::text() noexcept {
  const auto h = peek();
  if (!h)
    return std::nullopt;
  if ((h->tag & 0xE0) == 0xA0)
    return body(*h, h->tag & 0x1F);
  if (h->tag >= tag_str8 && h->tag <= tag_str32)
    return body(*h, h->big_endian);
  return std::nullopt;
}

std::optional<std::string_view> msgpack_cursor::binary() noexcept {
  const auto h = peek();
  if (!h || h->tag < tag_bin8 || h->tag > tag_bin32)
    return std::nullopt;
  return body(*h, h->big_endian);
}

std::optional<uint32_t> msgpack_cursor::array() noexcept {
  const auto h = peek();
  if (!h)
    return std::nullopt;
  uint64_t count = 0;
  if ((h->tag & 0xF0) == 0x90)
    count = h->tag & 0x0F;
  else if (h->tag == tag_array16 || h->tag == tag_array32)
    count = h->big_endian;
  else
    return std::nullopt;
  if (count > left() - h->size)
    return std::nullopt;
  offset_ += h->size;
  return static_cast<uint32_t>(count);
}

std::optional<uint32_t> msgpack_cursor::map() noexcept {
  const auto h = peek();
  if (!h)
    return std::nullopt;
  uint64_t count = 0;
  if ((h->tag & 0xF0) == 0x80)
    count = h->tag & 0x0F;
  else if (h->tag == tag_map16 || h->tag == tag_map32)
    count = h->big_endian;
  else
    return std::nullopt;
  if (count > (left() - h->size) / 2)
    return std::nullopt;
  offset_ += h->size;
  return static_cast<uint32_t>(count);
}

bool msgpack_cursor::nil() noexcept {
  if (at_end() || static_cast<uint8_t>(bytes_[offset_]) != tag_nil)
    return false;
  ++offset_;
  return true;
}

std::optional<msgpack_cursor::opened> msgpack_cursor::open_any() noexcept {
  const auto h = peek();
  if (!h)
    return std::nullopt;
  if (const auto count = array())
    return opened{*count};
  if (const auto count = map())
    return opened{uint64_t{*count} * 2};
  if (text() || binary())
    return opened{};
  const auto tag = h->tag;
  if ((tag >= 0x80 && tag <= 0xBF) || (tag >= tag_bin8 && tag <= tag_bin32)
      || (tag >= tag_str8 && tag <= tag_map32))
    return std::nullopt; // One of the above, but cut off.
  uint64_t payload = 0;
  if (tag >= tag_ext8 && tag <= tag_ext32)
    payload = h->big_endian + 1;
  else if (tag >= tag_fixext1 && tag <= tag_fixext16)
    payload = (uint64_t{1} << (tag - tag_fixext1)) + 1;
  if (!body(*h, payload))
    return std::nullopt;
  return opened{};
}

bool msgpack_cursor::skip() noexcept {
  const auto before = offset_;
  std::array<uint64_t, depth_max + 1> to_come{};
  size_t depth = 0;
  to_come[0] = 1;
  for (;;) {
    while (to_come[depth] == 0) {
      if (depth == 0)
        return true;
      --depth;
    }
    --to_come[depth];
    const auto value = open_any();
    if (!value || (value->elements > 0 && depth == depth_max)) {
      offset_ = before;
      return false;
    }
    if (value->elements > 0)
      to_come[++depth] = value->elements;
  }
}

} // namespace troupe::runtime
