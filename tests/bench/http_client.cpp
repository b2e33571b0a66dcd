#include "tests/bench/http_client.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>

namespace troupe::bench {

namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size())
    return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (std::tolower(static_cast<unsigned char>(a[i])) != b[i])
      return false;
  return true;
}

class fetch_listener final : public http_listener {
public:
  void on_answer(http_client&, const http_answer& answer) override {
    result = {answer.status, std::string{answer.head},
              std::string{answer.body}};
    done = true;
  }
  void on_broken(http_client&) override { done = true; }

  simple_answer result;
  bool done = false;
};

} // namespace

std::string_view header_value(std::string_view head, std::string_view name) {
  size_t at = head.find("\r\n");
  while (at != std::string_view::npos && at + 2 < head.size()) {
    const size_t begin = at + 2;
    at = head.find("\r\n", begin);
    auto line = head.substr(begin, at - begin);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos
        || !equal_ignoring_case(line.substr(0, colon), name))
      continue;
    line.remove_prefix(colon + 1);
    while (!line.empty() && line.front() == ' ')
      line.remove_prefix(1);
    return line;
  }
  return {};
}

int connect_loopback(uint16_t port) {
  // tidy: seams: the load generator is its own raw client.
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -1;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    ::close(fd);
    return -1;
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
      continue;
    }
    if (errno == EINTR)
      continue;
    pollfd room{fd, POLLOUT, 0};
    if (errno != EAGAIN || ::poll(&room, 1, 5000) != 1)
      return false;
  }
  return true;
}

http_client::http_client(poller& loop, uint16_t port, http_listener& listener)
  : loop_(loop), port_(port), listener_(listener) {
  connect();
}

http_client::~http_client() {
  if (fd_ >= 0)
    ::close(fd_);
}

bool http_client::connect() {
  fd_ = connect_loopback(port_);
  if (fd_ < 0)
    return false;
  loop_.add(fd_, *this);
  in_.clear();
  return true;
}

bool http_client::send(std::string_view request) {
  if (fd_ < 0 && !connect())
    return false;
  if (!write_all(fd_, request)) {
    break_off();
    return false;
  }
  busy_ = true;
  return true;
}

void http_client::break_off() {
  if (fd_ >= 0) {
    loop_.remove(fd_);
    ::close(fd_);
    fd_ = -1;
  }
  busy_ = false;
}

void http_client::on_ready(uint32_t) {
  std::array<char, 16'384> buffer;
  const auto n = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0) {
    const bool was_busy = busy_;
    break_off();
    if (was_busy)
      listener_.on_broken(*this);
    return;
  }
  in_.append(buffer.data(), static_cast<size_t>(n));
  const auto found = parse();
  if (!found)
    return;
  busy_ = false;
  if (found->first.status == 0) {
    break_off();
    listener_.on_broken(*this);
    return;
  }
  // The callback may send the next request, but the answer's bytes stay put.
  const auto answer = std::move(in_);
  in_.clear();
  const auto& [seen, length] = *found;
  const auto body_at = seen.head.size();
  listener_.on_answer(
    *this, {seen.status, std::string_view{answer}.substr(0, body_at),
            std::string_view{answer}.substr(body_at, length - body_at)});
}

std::optional<std::pair<http_answer, size_t>> http_client::parse() const {
  const std::string_view all{in_};
  const auto end = all.find("\r\n\r\n");
  if (end == std::string_view::npos)
    return std::nullopt;
  http_answer answer;
  answer.head = all.substr(0, end + 4);
  const auto length_text = header_value(answer.head, "content-length");
  size_t length = 0;
  if (!length_text.empty())
    std::from_chars(length_text.data(), length_text.data() + length_text.size(),
                    length);
  if (all.size() > 12)
    std::from_chars(all.data() + 9, all.data() + 12, answer.status);
  // 204 and 304 have no body; all else must announce its length.
  if (length_text.empty() && answer.status != 204 && answer.status != 304)
    answer.status = 0;
  const size_t total = end + 4 + length;
  if (answer.status != 0 && all.size() < total)
    return std::nullopt;
  answer.body = all.substr(end + 4, length);
  return std::pair{answer, total};
}

simple_answer fetch(uint16_t port, std::string_view method,
                    std::string_view target, std::string_view body,
                    double timeout_s) {
  poller loop;
  fetch_listener listener;
  http_client client{loop, port, listener};
  std::string request;
  request.append(method).append(" ").append(target);
  request.append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n");
  if (!body.empty())
    request.append("Content-Type: application/json\r\nContent-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\n");
  request.append("\r\n").append(body);
  if (!client.send(request))
    return {};
  const auto deadline = now() + from_seconds(timeout_s);
  while (!listener.done && now() < deadline)
    loop.poll_until(deadline);
  return listener.result;
}

} // namespace troupe::bench
