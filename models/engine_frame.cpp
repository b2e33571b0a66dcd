#include "models/engine_frame.hpp"

namespace troupe::models {
namespace {

/// What a reader keeps after a large frame.
constexpr size_t buffer_kept_bytes = 1u << 20;

void append_u32(uint32_t value, std::string& out) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value >> shift & 0xFF));
}

uint32_t u32_at(std::string_view bytes, size_t offset) noexcept {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i)
    value = value << 8 | static_cast<uint8_t>(bytes[offset + i]);
  return value;
}

bool known_kind(uint8_t kind) noexcept {
  return (kind >= static_cast<uint8_t>(frame_kind::load)
          && kind <= static_cast<uint8_t>(frame_kind::resume))
         || (kind >= static_cast<uint8_t>(frame_kind::ready)
             && kind <= static_cast<uint8_t>(frame_kind::parked));
}

runtime::failure broken(const char* what, uint64_t value) {
  return runtime::fail(runtime::errc::protocol_error,
                       std::string{"engine frame: "} + what + " "
                         + std::to_string(value));
}

} // namespace

bool frame_writer::append(frame_kind kind, std::string_view body,
                          std::string& out) {
  if (body.size() > frame_body_max)
    return false;
  append_u32(static_cast<uint32_t>(frame_length_min + body.size()), out);
  out.push_back(static_cast<char>(engine_protocol_version));
  out.push_back(static_cast<char>(kind));
  append_u32(sequence_++, out);
  out.append(body);
  return true;
}

void frame_reader::feed(std::string_view bytes) {
  if (broken_)
    return;
  if (offset_ > 0) {
    buffer_.erase(0, offset_);
    offset_ = 0;
    if (buffer_.empty() && buffer_.capacity() > buffer_kept_bytes)
      buffer_.shrink_to_fit();
  }
  buffer_.append(bytes);
}

runtime::result<std::optional<frame>> frame_reader::next() {
  if (!broken_)
    broken_ = check_header();
  if (broken_) {
    buffer_.clear();
    offset_ = 0;
    return *broken_;
  }
  auto rest = std::string_view{buffer_}.substr(offset_);
  if (rest.size() < frame_header_bytes)
    return std::nullopt;
  auto size = size_t{4} + u32_at(rest, 0);
  if (rest.size() < size)
    return std::nullopt;
  frame found{.kind = static_cast<frame_kind>(rest[5]),
              .body = std::string{
                rest.substr(frame_header_bytes, size - frame_header_bytes)}};
  offset_ += size;
  ++sequence_;
  return found;
}

// Each field is judged as soon as it is here: a wrong length is never waited
// for.
std::optional<runtime::failure> frame_reader::check_header() const {
  auto rest = std::string_view{buffer_}.substr(offset_);
  if (rest.size() < 4)
    return std::nullopt;
  auto length = u32_at(rest, 0);
  if (length < frame_length_min || length > frame_length_max)
    return broken("length", length);
  if (rest.size() < 5)
    return std::nullopt;
  auto version = static_cast<uint8_t>(rest[4]);
  if (version != engine_protocol_version)
    return broken("version", version);
  if (rest.size() < 6)
    return std::nullopt;
  auto kind = static_cast<uint8_t>(rest[5]);
  if (!known_kind(kind))
    return broken("unknown kind", kind);
  if (rest.size() < frame_header_bytes)
    return std::nullopt;
  auto sequence = u32_at(rest, 6);
  if (sequence != sequence_)
    return broken("out of order, sequence", sequence);
  return std::nullopt;
}

} // namespace troupe::models
