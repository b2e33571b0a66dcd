#include "tests/bench/sse_stream.hpp"

#include "tests/bench/http_client.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

namespace troupe::bench {

namespace {

bool is_terminal(std::string_view type) {
  return type == "job.completed" || type == "job.incomplete"
         || type == "job.failed" || type == "job.cancelled"
         || type == "job.expired";
}

// The value of a line `name: value`, or nothing.
bool field(std::string_view line, std::string_view name,
           std::string_view& value) {
  if (!line.starts_with(name) || line.size() <= name.size()
      || line[name.size()] != ':')
    return false;
  value = line.substr(name.size() + 1);
  if (value.starts_with(' '))
    value.remove_prefix(1);
  return true;
}

} // namespace

int64_t json_integer(std::string_view json, std::string_view key) {
  const auto name = '"' + std::string{key} + "\":";
  const auto at = json.find(name);
  int64_t value = -1;
  if (at != std::string_view::npos)
    std::from_chars(json.data() + at + name.size(), json.data() + json.size(),
                    value);
  return value;
}

sse_stream::sse_stream(poller& loop, uint16_t port, std::string_view job_id,
                       sse_listener& listener)
  : loop_(loop), listener_(listener), fd_(connect_loopback(port)) {
  const auto request = "GET /v1/jobs/" + std::string{job_id}
                       + "/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                         "Accept: text/event-stream\r\n\r\n";
  if (fd_ < 0 || !write_all(fd_, request)) {
    trouble_ = "cannot connect";
    if (fd_ >= 0)
      ::close(fd_);
    fd_ = -1;
    return;
  }
  loop_.add(fd_, *this);
}

sse_stream::~sse_stream() {
  if (fd_ >= 0)
    ::close(fd_);
}

void sse_stream::on_ready(uint32_t) {
  std::array<char, 16'384> buffer;
  const auto n = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0) {
    end(terminal_ ? "" : "closed before the terminal event");
    return;
  }
  in_.append(buffer.data(), static_cast<size_t>(n));
  if (!headers_done_ && !take_headers())
    return;
  bool more = true;
  if (chunked_) {
    more = take_chunks();
  } else {
    text_ += in_;
    in_.clear();
  }
  take_events();
  if (!more && fd_ >= 0)
    end(terminal_ ? "" : "ended before the terminal event");
}

bool sse_stream::take_headers() {
  const auto at = in_.find("\r\n\r\n");
  if (at == std::string::npos)
    return false;
  const auto head = std::string_view{in_}.substr(0, at + 4);
  if (!head.starts_with("HTTP/1.1 200")) {
    end(in_.substr(0, 300));
    return false;
  }
  chunked_ = header_value(head, "transfer-encoding") == "chunked";
  headers_done_ = true;
  in_.erase(0, at + 4);
  return true;
}

bool sse_stream::take_chunks() {
  size_t used = 0;
  for (;;) {
    const auto line_end = in_.find("\r\n", used);
    if (line_end == std::string::npos)
      break;
    size_t size = 0;
    std::from_chars(in_.data() + used, in_.data() + line_end, size, 16);
    if (size == 0)
      return false;
    if (in_.size() < line_end + 2 + size + 2)
      break;
    text_.append(in_, line_end + 2, size);
    used = line_end + 2 + size + 2;
  }
  in_.erase(0, used);
  return true;
}

void sse_stream::take_events() {
  size_t used = 0;
  for (;;) {
    const auto at = text_.find("\n\n", used);
    if (at == std::string::npos || fd_ < 0)
      break;
    take_event(std::string_view{text_}.substr(used, at + 1 - used));
    used = at + 2;
  }
  text_.erase(0, used);
}

void sse_stream::take_event(std::string_view block) {
  std::string_view id, type, data;
  while (!block.empty()) {
    const auto line = block.substr(0, block.find('\n'));
    block.remove_prefix(line.size() + 1);
    std::string_view value;
    if (field(line, "id", value))
      id = value;
    else if (field(line, "event", value))
      type = value;
    else if (field(line, "data", value))
      data = value;
  }
  if (type.empty())
    return; // A comment: heartbeat.
  if (!id.empty()) {
    uint64_t seq = 0;
    std::from_chars(id.data(), id.data() + id.size(), seq);
    if (seq != next_seq_) {
      end("expected event " + std::to_string(next_seq_) + ", got "
          + std::string{id});
      return;
    }
    ++next_seq_;
  }
  terminal_ = terminal_ || is_terminal(type);
  listener_.on_event(*this, type, data);
}

void sse_stream::end(std::string why) {
  trouble_ = std::move(why);
  loop_.remove(fd_);
  ::close(fd_);
  fd_ = -1;
  listener_.on_end(*this);
}

} // namespace troupe::bench
