// One open event stream of one job, read as an EventSource would, on a shared
// poller. It checks what a reader is promised: status 200, ids dense from 0,
// a terminal event last.
#pragma once

#include "tests/bench/poller.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::bench {

class sse_stream;

class sse_listener {
public:
  virtual ~sse_listener() = default;
  /// `type` and `data` are valid in the callback.
  virtual void on_event(sse_stream& from, std::string_view type,
                        std::string_view data) = 0;
  /// The server closed, refused or broke it. `from.trouble()` says why, and is
  /// empty after a terminal event.
  virtual void on_end(sse_stream& from) = 0;
};

class sse_stream final : public pollable {
public:
  /// Connects and asks for /v1/jobs/{id}/events.
  sse_stream(poller& loop, uint16_t port, std::string_view job_id,
             sse_listener& listener);
  ~sse_stream() override;
  sse_stream(const sse_stream&) = delete;
  sse_stream& operator=(const sse_stream&) = delete;

  /// Set by the owner: when its job was sent.
  instant submitted{};
  bool opened() const noexcept { return headers_done_; }
  bool ended() const noexcept { return fd_ < 0; }
  uint64_t events() const noexcept { return next_seq_; }
  const std::string& trouble() const noexcept { return trouble_; }

  void on_ready(uint32_t events) override;

private:
  bool take_headers();
  /// Moves the payload of complete chunks from `in_` to `text_`. False when the
  /// last chunk was seen.
  bool take_chunks();
  void take_events();
  void take_event(std::string_view block);
  void end(std::string why);

  poller& loop_;
  sse_listener& listener_;
  int fd_ = -1;
  bool headers_done_ = false;
  bool chunked_ = false;
  bool terminal_ = false;
  uint64_t next_seq_ = 0;
  std::string in_;
  std::string text_;
  std::string trouble_;
};

/// The value of integer member `key` in flat JSON text; -1 if absent.
int64_t json_integer(std::string_view json, std::string_view key);

} // namespace troupe::bench
