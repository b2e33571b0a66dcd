#include "tests/support/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace troupe::tests {

namespace {
constexpr std::chrono::milliseconds patience{10'000};
} // namespace

std::string raw_reply::field(const std::string& name) const {
  const auto at = fields.find(name);
  return at == fields.end() ? std::string{} : at->second;
}

raw_client::raw_client(uint16_t port, int receive_buffer) {
  // tidy: seams: the test's own client
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer > 0)
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer,
                 sizeof(receive_buffer));
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // tidy: seams: the test's own client
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0)
    end_ = true;
}

raw_client::~raw_client() {
  if (fd_ >= 0)
    ::close(fd_);
}

raw_client::raw_client(raw_client&& other) noexcept
  : fd_{std::exchange(other.fd_, -1)}, buffer_{std::move(other.buffer_)},
    chunks_{std::move(other.chunks_)}, end_{other.end_} {}

bool raw_client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    // tidy: seams: the test's own client
    const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool raw_client::fill(std::chrono::milliseconds limit) {
  if (end_)
    return false;
  pollfd one{.fd = fd_, .events = POLLIN, .revents = 0};
  if (::poll(&one, 1, static_cast<int>(limit.count())) <= 0)
    return false;
  std::array<char, 16'384> room;
  // tidy: seams: the test's own client
  const auto n = ::recv(fd_, room.data(), room.size(), 0);
  if (n <= 0) {
    end_ = true;
    return false;
  }
  buffer_.append(room.data(), static_cast<size_t>(n));
  return true;
}

std::optional<std::string> raw_client::take(size_t n) {
  while (buffer_.size() < n)
    if (!fill(patience))
      return std::nullopt;
  auto part = buffer_.substr(0, n);
  buffer_.erase(0, n);
  return part;
}

std::optional<std::string> raw_client::take_line() {
  size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos)
    if (!fill(patience))
      return std::nullopt;
  return take(end + 2)->substr(0, end);
}

std::optional<raw_reply> raw_client::read_head() {
  const auto line = take_line();
  if (!line || line->size() < 12 || !line->starts_with("HTTP/1.1 "))
    return std::nullopt;
  raw_reply reply;
  reply.status = std::stoi(line->substr(9, 3));
  for (;;) {
    const auto field = take_line();
    if (!field)
      return std::nullopt;
    if (field->empty())
      return reply;
    const auto colon = field->find(':');
    auto name = field->substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    reply.fields[name] = field->substr(std::min(colon + 2, field->size()));
  }
}

std::optional<raw_reply> raw_client::read_reply(bool head) {
  auto reply = read_head();
  if (!reply)
    return std::nullopt;
  if (head || reply->status == 204 || reply->status == 304
      || reply->status == 100)
    return reply;
  if (reply->field("transfer-encoding") == "chunked") {
    reply->body = read_chunks_until("");
    return reply;
  }
  const auto length = reply->field("content-length");
  auto body = take(length.empty() ? 0 : std::stoul(length));
  if (!body)
    return std::nullopt;
  reply->body = std::move(*body);
  return reply;
}

std::string raw_client::read_chunks_until(std::string_view text) {
  for (;;) {
    const auto at = text.empty() ? std::string::npos : chunks_.find(text);
    if (at != std::string::npos) {
      auto part = chunks_.substr(0, at + text.size());
      chunks_.erase(0, at + text.size());
      return part;
    }
    const auto line = take_line();
    if (!line)
      break;
    const auto size = std::stoul(*line, nullptr, 16);
    const auto chunk = take(size + 2);
    if (!chunk || size == 0) {
      end_ = end_ || size == 0;
      break;
    }
    chunks_.append(*chunk, 0, size);
  }
  return std::exchange(chunks_, {});
}

bool raw_client::closes(std::chrono::milliseconds limit) {
  if (!buffer_.empty())
    return false;
  if (!end_)
    fill(limit);
  return end_ && buffer_.empty();
}

std::string raw_client::read_some(size_t n, std::chrono::milliseconds limit) {
  if (buffer_.empty())
    fill(limit);
  n = std::min(n, buffer_.size());
  auto part = buffer_.substr(0, n);
  buffer_.erase(0, n);
  return part;
}

void raw_client::shutdown_send() {
  ::shutdown(fd_, SHUT_WR);
}

void raw_client::reset() {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  ::close(std::exchange(fd_, -1));
  end_ = true;
}

raw_reply ask(uint16_t port, std::string_view bytes) {
  raw_client client{port};
  client.send(bytes);
  return client.read_reply(bytes.starts_with("HEAD")).value_or(raw_reply{});
}

} // namespace troupe::tests
