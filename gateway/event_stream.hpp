// One open event stream: history from the store, then live events, in order and
// without a gap or a repeat, to a reader that may be slow, gone or hostile.
//
//   store pages ──┐
//                 ├─> next event in order ─> whole events ─> the socket
//   live batches ─┘
//
// The cursor is the only truth. Live batches may overlap or be dropped: whatever
// is missing before the known end is read from the store again.
#pragma once

#include "gateway/exchange.hpp"
#include "gateway/gateway_sink.hpp"
#include "gateway/job_answers.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace troupe::gateway {

class event_stream final : private delivery_target {
public:
  /// First event to send: `from`.
  event_stream(exchange& ex, runtime::job_id id, uint64_t from);
  ~event_stream();
  event_stream(const event_stream&) = delete;
  event_stream& operator=(const event_stream&) = delete;

  /// Streams until the terminal event, the client's end or a cut. The answer is
  /// a problem or 204 while nothing was sent, else `streamed`.
  task<http_reply> run();

private:
  void deliver(runtime::delivery_body body) override;
  void on_opened(runtime::watch_opened opened);
  void on_events(runtime::events_ptr events);

  task<std::optional<http_reply>> open();
  task<std::optional<runtime::refused>> gather();
  task<std::optional<runtime::refused>> read_page();
  task<bool> flush(bool last);
  task<void> stream();
  void take_live();
  void append(const runtime::event& event);
  std::string head() const;
  bool behind() const noexcept { return cursor_ < known_end_; }

  exchange& ex_;
  runtime::job_id id_;
  uint64_t cursor_;        ///< Next event to send.
  uint64_t known_end_ = 0; ///< Events below it are committed.
  runtime::sink_ref ref_;
  runtime::spec_ptr spec_;
  runtime::task_kind task_ = runtime::task_kind::chat;
  runtime::job_status status_ = runtime::job_status::queued;
  std::vector<runtime::events_ptr> live_;
  size_t live_bytes_ = 0;
  std::string out_; ///< Whole events, not written yet.
  std::optional<runtime::refused> refusal_;
  runtime::mono_time written_at_{};
  uint32_t page_events_ = 8; ///< Asked for next.
  uint32_t empty_pages_ = 0;
  bool opened_ = false;
  bool closed_ = false; ///< The watch ended without a terminal event.
  bool ended_ = false;  ///< The terminal event is in `out_` or written.
  bool head_sent_ = false;
  bool first_event_ = true;
  bool chunked_ = true;
  bool writing_ = false;    ///< A write waits for the client.
  bool from_store_ = false; ///< The latest events came from a page.
  bool slow_ = false;
};

} // namespace troupe::gateway
