// Decides where each HTTP request ends, byte by byte, before any parser sees
// the bytes. Two parties that disagree about that are how requests are
// smuggled, so the guard knows one strict form of HTTP/1 and refuses the rest;
// the parser then reads the same bytes and must come to the same result
// (request_reader). Grammar: RFC 9112, without its leniencies.
#pragma once

#include "gateway/gateway_config.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace troupe::gateway {

enum class framing_error : uint8_t {
  none = 0,
  bad_framing,
  uri_too_long,
  headers_too_large,
  body_too_large
};

enum class body_mode : uint8_t { none, length, chunked };

/// One connection's guard. Feed it everything that arrives, in slices of any
/// size: the result does not depend on the slicing. Memory is constant.
class framing_guard {
public:
  enum class state : uint8_t {
    head,      ///< More bytes of the head are needed.
    head_done, ///< The head is complete; `feed` goes on with the body.
    body,      ///< More bytes of the body are needed.
    done,      ///< The request is complete.
    refused    ///< See error() and why(); takes no more bytes.
  };

  explicit framing_guard(const framing_limits& limits) noexcept
    : limits_{limits} {}

  /// Consumes bytes of one request and returns how many. Stops after the head
  /// (once), after the request, and at a refusal.
  size_t feed(std::string_view bytes) noexcept;

  /// Ready for the next request of the connection.
  void reset() noexcept;

  state now() const noexcept { return state_; }
  framing_error error() const noexcept { return error_; }
  /// A sentence for people; static storage.
  const char* why() const noexcept { return why_; }
  /// True before the first byte of a request.
  bool untouched() const noexcept { return bytes_ == 0; }

  // Valid from head_done on; positions count from the request's first byte.
  size_t head_bytes() const noexcept { return head_bytes_; }
  size_t method_size() const noexcept { return method_size_; }
  size_t target_at() const noexcept { return method_size_ + 1; }
  size_t target_size() const noexcept { return target_size_; }
  int minor_version() const noexcept { return minor_; }
  body_mode mode() const noexcept { return mode_; }
  uint64_t content_length() const noexcept { return content_length_; }
  /// Decoded bytes of the body so far.
  uint64_t body_bytes() const noexcept { return body_bytes_; }
  /// How many of the latest bytes belong to chunk framing that is not complete.
  size_t unfinished_framing() const noexcept { return framing_bytes_; }

private:
  enum class at : uint8_t {
    method,
    target,
    version,
    line_lf,
    field_start,
    field_name,
    value_start,
    value,
    value_lf,
    head_lf,
    fixed_body,
    chunk_size,
    chunk_size_lf,
    chunk_data,
    chunk_data_cr,
    chunk_data_lf,
    last_cr,
    last_lf,
    end
  };
  enum class field : uint8_t { other, host, content_length, transfer_encoding };

  void step(unsigned char c) noexcept;
  void request_line_byte(unsigned char c) noexcept;
  void field_byte(unsigned char c) noexcept;
  void value_byte(unsigned char c) noexcept;
  void chunk_byte(unsigned char c) noexcept;
  void begin_value() noexcept;
  void end_field() noexcept;
  void end_content_length() noexcept;
  void end_transfer_encoding() noexcept;
  void end_head() noexcept;
  void chunk_size_done() noexcept;
  size_t skip_body(size_t available) noexcept;
  void refuse(framing_error error, const char* why) noexcept;

  framing_limits limits_;
  state state_ = state::head;
  at at_ = at::method;
  framing_error error_ = framing_error::none;
  const char* why_ = "";

  uint64_t bytes_ = 0; ///< Of this request.
  size_t head_bytes_ = 0;
  size_t method_size_ = 0;
  size_t target_size_ = 0;
  size_t version_at_ = 0; ///< Matched bytes of "HTTP/1.".
  int minor_ = 1;
  size_t fields_ = 0;
  size_t field_bytes_ = 0; ///< Of all field lines.

  field field_ = field::other;
  std::array<char, 20> name_{};
  size_t name_size_ = 0;
  std::array<char, 24> value_{}; ///< Of the fields that matter here.
  size_t value_size_ = 0;        ///< Without outer blanks; may exceed value_.
  size_t blanks_ = 0;            ///< Blanks that may turn out to be inner ones.
  bool host_bad_ = false;

  bool host_seen_ = false;
  bool length_seen_ = false;
  bool chunked_seen_ = false;
  body_mode mode_ = body_mode::none;
  uint64_t content_length_ = 0;
  uint64_t body_bytes_ = 0;
  uint64_t left_ = 0; ///< Of the body or of the current chunk.
  size_t size_digits_ = 0;
  size_t framing_bytes_ = 0; ///< Since the last chunk's data.
};

} // namespace troupe::gateway
