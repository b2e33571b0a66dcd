#include "gateway/event_stream.hpp"

#include "gateway/connection.hpp"
#include "gateway/io_thread.hpp"
#include "gateway/job_json.hpp"
#include "gateway/rate_fields.hpp"

#include <array>
#include <charconv>

namespace troupe::gateway {

using runtime::errc;
using runtime::event;
using runtime::job_id;
using runtime::refused;

namespace {

constexpr size_t write_bytes = 16 * 1024; ///< Gathered before a write.
constexpr size_t idle_bytes = 1024;       ///< Kept while nothing happens.
constexpr size_t idle_batches = 8;        ///< The same, of live batches.
constexpr uint32_t page_events_max = 64;
constexpr uint32_t empty_pages_max = 40;
constexpr std::chrono::milliseconds empty_page_pause{50};
constexpr int send_buffer_bytes = 32 * 1024; ///< In the kernel, per stream.

// What an event costs while it waits; close enough for a bound.
size_t cost_of(const event& x) {
  size_t text = 0;
  if (const auto* delta = std::get_if<runtime::output_delta>(&x.body))
    text = delta->text.size();
  else if (const auto* item = std::get_if<runtime::output_item_done>(&x.body))
    text = item->text.size();
  return text + 256;
}

size_t cost_of(const std::vector<event>& batch) {
  size_t sum = 0;
  for (const auto& x : batch)
    sum += cost_of(x);
  return sum;
}

} // namespace

event_stream::event_stream(exchange& ex, job_id id, uint64_t from)
  : ex_{ex}, id_{id}, cursor_{from}, ref_{ex.home.sink().open(*this)},
    chunked_{ex.request.minor_version > 0} {
  ex_.home.counters().streams_open.add();
}

event_stream::~event_stream() {
  ex_.home.counters().streams_open.sub();
  if (opened_ && !ended_ && !closed_)
    ex_.home.shared().parts.jobs.forget(id_, ref_);
  ex_.home.sink().close(ref_.ticket);
}

void event_stream::deliver(runtime::delivery_body body) {
  if (auto* events = std::get_if<runtime::job_events>(&body))
    on_events(std::move(events->events));
  else if (auto* opened = std::get_if<runtime::watch_opened>(&body))
    on_opened(std::move(*opened));
  else if (auto* no = std::get_if<refused>(&body))
    refusal_ = std::move(*no);
  else if (std::get_if<runtime::watch_closed>(&body))
    closed_ = true;
  ex_.conn.wake();
}

void event_stream::on_opened(runtime::watch_opened opened) {
  opened_ = true;
  spec_ = std::move(opened.job.spec);
  task_ = opened.job.record.task;
  status_ = opened.job.record.status;
  known_end_ = std::max(known_end_, opened.next_seq);
  on_events(std::move(opened.tail));
}

void event_stream::on_events(runtime::events_ptr events) {
  if (!events || events->empty() || events->back().seq < cursor_)
    return;
  known_end_ = std::max(known_end_, events->back().seq + 1);
  live_bytes_ += cost_of(*events);
  live_.push_back(std::move(events));
  if (live_bytes_ <= ex_.home.limits().sse_buffer_bytes_max)
    return;
  // Too much waits. A reader that had caught up and takes nothing is slow; one
  // that still reads history gets these events from the store later.
  live_.clear();
  live_bytes_ = 0;
  if (writing_ && !from_store_) {
    slow_ = true;
    ex_.conn.abort();
  }
}

task<http_reply> event_stream::run() {
  auto early = co_await open();
  if (early)
    co_return std::move(*early);
  co_await stream();
  if (slow_)
    ex_.home.counters().streams_slow.add();
  http_reply done;
  done.streamed = true;
  co_return done;
}

// Everything that can still be said with a status line.
task<std::optional<http_reply>> event_stream::open() {
  auto& counters = ex_.home.counters();
  const auto& limits = ex_.home.limits();
  if (counters.streams_open.get() > limits.streams_max) {
    counters.streams_refused.add();
    co_return ex_.fail({.slug = "too-many-streams",
                        .detail = "the tenant has its maximum of open streams",
                        .retry_after_s = 1});
  }
  ex_.home.shared().parts.jobs.watch(id_, std::string{ex_.tenant}, ref_);
  const auto until = ex_.home.now() + limits.answer_timeout;
  while (!opened_ && !refusal_ && ex_.home.now() < until
         && !ex_.conn.peer_gone())
    co_await ex_.conn.suspend(until);
  if (refusal_)
    co_return ex_.fail(to_problem(*refusal_));
  if (!opened_) {
    counters.timeouts_answer.add();
    co_return ex_.fail(to_problem(
      runtime::fail(errc::timeout, "the owner did not answer in time"), 1.0));
  }
  if (runtime::is_terminal(status_) && !spec_)
    co_return ex_.fail(
      {.slug = "cursor-expired", .detail = "the job's events were retired"});
  if (runtime::is_terminal(status_) && cursor_ >= known_end_)
    co_return http_reply{.status = 204};
  if (cursor_ > known_end_)
    co_return ex_.fail(
      {.slug = "invalid-cursor",
       .detail = "the job has only " + std::to_string(known_end_) + " events"});
  // The first events decide whether the job's stream still exists.
  const auto no = co_await gather();
  if (no)
    co_return ex_.fail(to_problem(*no));
  co_return std::nullopt;
}

task<void> event_stream::stream() {
  auto& conn = ex_.conn;
  boost::system::error_code ignored;
  conn.socket().set_option(
    asio::socket_base::send_buffer_size{send_buffer_bytes}, ignored);
  ex_.home.counters().streams_opened.add();
  conn.watch_peer(early_input::discard);
  for (;;) {
    const bool last = ended_ || (ex_.home.shared().draining && !out_.empty());
    if (!out_.empty() || !head_sent_) {
      const bool written = co_await flush(last);
      if (!written)
        break;
    }
    if (last || conn.peer_gone())
      break;
    if (behind()) {
      const auto no = co_await gather();
      if (no)
        break;
      if (!out_.empty())
        continue;
      // Committed, but the reader does not see it yet.
      if (++empty_pages_ > empty_pages_max)
        break;
      co_await conn.suspend(ex_.home.now() + empty_page_pause);
      continue;
    }
    if (closed_ || ex_.home.shared().draining) {
      co_await flush(true);
      break;
    }
    const auto beat_at = written_at_ + ex_.home.limits().sse_heartbeat;
    if (ex_.home.now() >= beat_at)
      out_ = ": hb\n";
    else
      co_await conn.suspend(beat_at);
  }
  conn.unwatch_peer();
}

// Appends what comes next: live if it is at hand, else from the store.
task<std::optional<refused>> event_stream::gather() {
  take_live();
  if (!out_.empty() || ended_ || !behind())
    co_return std::nullopt;
  co_return co_await read_page();
}

void event_stream::take_live() {
  size_t taken = 0;
  while (taken < live_.size() && out_.size() < write_bytes && !ended_) {
    const auto& batch = *live_[taken];
    if (batch.front().seq > cursor_)
      break; // A hole: the store fills it.
    for (const auto& x : batch)
      if (x.seq == cursor_)
        append(x);
    live_bytes_ -= cost_of(batch);
    ++taken;
    from_store_ = false;
  }
  live_.erase(live_.begin(), live_.begin() + static_cast<ptrdiff_t>(taken));
  if (live_.empty() && live_.capacity() > idle_batches)
    live_.shrink_to_fit();
}

task<std::optional<refused>> event_stream::read_page() {
  if (head_sent_)
    ex_.home.counters().stream_rereads.add();
  auto answer = co_await ask_events(ex_, id_, cursor_, page_events_);
  if (auto* no = std::get_if<refused>(&answer))
    co_return std::move(*no);
  const auto& events = std::get<std::vector<event>>(answer);
  for (const auto& x : events)
    if (x.seq == cursor_)
      append(x);
  if (!events.empty()) {
    from_store_ = true;
    empty_pages_ = 0;
    // Pages are asked for by number; keep their bytes near one write.
    page_events_ = out_.size() > write_bytes
                     ? std::max(page_events_ / 2, 1u)
                     : std::min(page_events_ * 2, page_events_max);
  }
  co_return std::nullopt;
}

void event_stream::append(const event& x) {
  const auto seq = std::to_string(x.seq);
  out_.append("id: ").append(seq).append("\nevent: ").append(event_type(x));
  if (first_event_) {
    first_event_ = false;
    out_.append("\nretry: ")
      .append(std::to_string(1000 + ex_.home.random().below(4001)));
  }
  out_ += "\ndata: ";
  json_writer json{out_};
  write_event(json, id_, spec_.get(), task_, x);
  out_ += "\n\n";
  ++cursor_;
  ended_ = ended_ || std::holds_alternative<runtime::job_ended>(x.body);
  ex_.home.counters().stream_events.add();
}

std::string event_stream::head() const {
  std::string text = "HTTP/1.1 200 OK\r\nDate: ";
  text += ex_.home.date();
  text += "\r\nx-request-id: ";
  text += ex_.request_id;
  text += "\r\n";
  if (auto tenant = ex_.home.shared().parts.tenants.limited(ex_.tenant))
    text += rate_fields(*tenant);
  text += "Content-Type: text/event-stream\r\n"
          "Cache-Control: no-cache, no-transform\r\n"
          "X-Accel-Buffering: no\r\n";
  if (chunked_)
    text += "Transfer-Encoding: chunked\r\n";
  text += "Connection: close\r\n\r\n";
  return text;
}

// One chunk of whole events; the last one ends the body.
task<bool> event_stream::flush(bool last) {
  std::string bytes;
  if (!head_sent_) {
    bytes = head();
    head_sent_ = true;
    ex_.home.counters().answers_2xx.add();
    ex_.release_input();
  }
  if (!out_.empty() && chunked_) {
    std::array<char, 20> size{};
    const auto [end, ec] =
      std::to_chars(size.data(), size.data() + size.size(), out_.size(), 16);
    bytes.append(size.data(), end).append("\r\n").append(out_).append("\r\n");
  } else {
    bytes += out_;
  }
  if (last && chunked_)
    bytes += "0\r\n\r\n";
  out_.clear();
  if (out_.capacity() > idle_bytes)
    out_.shrink_to_fit();
  writing_ = true;
  const bool written = co_await ex_.conn.write(bytes);
  writing_ = false;
  written_at_ = ex_.home.now();
  slow_ = slow_ || ex_.conn.timed_out();
  co_return written;
}

} // namespace troupe::gateway
