// Frames on the socketpair between a node and its engine process, in both
// directions (docs/engine-protocol.md). Numbers are big-endian:
//
//      0        4         5      6          10
//     +--------+---------+------+----------+----------------------+
//     | length | version | kind | sequence | body                 |
//     |    u32 |      u8 |   u8 |      u32 | msgpack (engine_codec)|
//     +--------+---------+------+----------+----------------------+
//
// `length` counts everything after itself, 6 bytes .. 16 MiB. `sequence` starts
// at 0 in each direction and grows by one per frame (mod 2^32): a lost or
// repeated frame is noticed. A reader believes nothing and allocates only for
// bytes that have arrived.
#pragma once

#include "runtime/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::models {

constexpr uint8_t engine_protocol_version = 2;
constexpr size_t frame_header_bytes = 10;
constexpr size_t frame_length_min = 6;
constexpr size_t frame_length_max = 16u << 20;
constexpr size_t frame_body_max = frame_length_max - frame_length_min;

/// Append only. Node to engine below 16, engine to node from 16.
enum class frame_kind : uint8_t {
  load = 1,
  admit = 2,
  cancel = 3,
  park = 4,
  resume = 5,
  ready = 16,
  began = 17,
  output = 18,
  finished = 19,
  failed = 20,
  beat = 21,
  died = 22, ///< "I cannot go on, because ..."; the last one.
  parked = 23,
};

struct frame {
  frame_kind kind = frame_kind::beat;
  std::string body;
};

/// Numbers and frames bodies. Not thread-safe.
class frame_writer {
public:
  /// Appends one frame to `out`. False, with nothing done, when the body
  /// exceeds `frame_body_max`.
  [[nodiscard]] bool append(frame_kind kind, std::string_view body,
                            std::string& out);

private:
  uint32_t sequence_ = 0;
};

/// Takes bytes in any slices and gives frames back whole and in order.
class frame_reader {
public:
  /// At most one read's worth of bytes; call `next` until it has nothing.
  void feed(std::string_view bytes);
  /// Nothing while a frame is incomplete. `protocol_error` for a length,
  /// version, kind or sequence that cannot be; from then on for ever.
  runtime::result<std::optional<frame>> next();
  /// Bytes of an incomplete frame at hand: not 0 at the end = cut off.
  size_t held() const noexcept { return buffer_.size() - offset_; }

private:
  std::optional<runtime::failure> check_header() const;

  std::string buffer_;
  size_t offset_ = 0;
  uint32_t sequence_ = 0;
  std::optional<runtime::failure> broken_;
};

} // namespace troupe::models
