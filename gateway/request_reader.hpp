// Turns a connection's bytes into requests: the framing guard decides where
// each ends, Beast parses the same bytes, and the two must agree. Knows no
// socket: it is fed.
#pragma once

#include "gateway/framing_guard.hpp"
#include "gateway/http_request.hpp"

#include <memory>
#include <span>
#include <string_view>

namespace troupe::gateway {

class request_reader {
public:
  enum class step : uint8_t {
    need_more,  ///< Read into `prepare`, `commit`, `advance` again.
    head_ready, ///< request() has all but the body; `advance` goes on.
    done,       ///< request() is complete; `next` starts the following one.
    refused     ///< See error() and why(): answer and close.
  };

  explicit request_reader(const framing_limits& limits);
  ~request_reader();
  request_reader(const request_reader&) = delete;
  request_reader& operator=(const request_reader&) = delete;

  /// Room for at least 1 KiB of input.
  std::span<char> prepare();
  void commit(size_t bytes) noexcept;

  step advance();
  /// After an early answer: skips what is left of the body without keeping it.
  /// `done` when the next request can start.
  step discard();

  http_request& request() noexcept { return request_; }
  framing_error error() const noexcept { return error_; }
  const char* why() const noexcept { return why_; }
  /// Guard and parser came to different results.
  bool disagreed() const noexcept { return disagreed_; }

  /// No byte of a request has arrived.
  bool untouched() const noexcept;
  /// Bytes of the current request's body so far, decoded.
  uint64_t body_bytes() const noexcept { return guard_.body_bytes(); }
  /// Announced by a read head; 0 for a chunked body.
  uint64_t content_length() const noexcept { return guard_.content_length(); }
  /// The announced body is complete (or there is none).
  bool body_complete() const noexcept {
    return guard_.now() == framing_guard::state::done;
  }
  /// Forgets the finished request, keeps what was pipelined behind it.
  void next();
  /// Gives memory back: for streams, which read nothing more.
  void release() noexcept;

private:
  struct parser_box;

  step parse_head();
  step parse_body();
  step finish();
  step refuse(framing_error error, const char* why) noexcept;
  step disagree() noexcept;
  void take_head();
  void compact() noexcept;
  std::string_view unguarded() const noexcept;

  framing_limits limits_;
  framing_guard guard_;
  std::unique_ptr<parser_box> parser_;
  http_request request_;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t parse_at_ = 0; ///< First byte that Beast has not had.
  size_t guard_at_ = 0; ///< First byte that the guard has not had.
  size_t fill_ = 0;
  bool disagreed_ = false;
  framing_error error_ = framing_error::none;
  const char* why_ = "";
};

} // namespace troupe::gateway
