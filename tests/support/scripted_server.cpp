#include "tests/support/scripted_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <stdexcept>
#include <utility>

// tidy: seams: this file is a server made of sockets, for tests alone
namespace troupe::tests {
namespace {

constexpr int patience_ms = 10'000;

bool readable(int fd, int timeout_ms) {
  pollfd item{fd, POLLIN, 0};
  return poll(&item, 1, timeout_ms) == 1;
}

size_t body_size(std::string_view head) {
  constexpr std::string_view name = "Content-Length: ";
  auto found = head.find(name);
  return found == std::string_view::npos
           ? 0
           : std::strtoul(head.data() + found + name.size(), nullptr, 10);
}

thread_local std::function<void(const std::string&)> note_request;

} // namespace

std::string scripted_connection::read_request() {
  std::string text;
  for (;;) {
    auto end = text.find("\r\n\r\n");
    if (end != std::string::npos
        && text.size() >= end + 4 + body_size(text.substr(0, end)))
      break;
    std::array<char, 4096> piece{};
    if (!readable(fd_, patience_ms))
      return {};
    auto got = recv(fd_, piece.data(), piece.size(), 0);
    if (got <= 0)
      return {};
    text.append(piece.data(), static_cast<size_t>(got));
  }
  if (note_request)
    note_request(text);
  return text;
}

bool scripted_connection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    auto sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0)
      return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void scripted_connection::wait_until_closed() {
  std::array<char, 256> piece{};
  while (readable(fd_, patience_ms)
         && recv(fd_, piece.data(), piece.size(), 0) > 0)
    ;
}

void scripted_connection::reset() {
  linger hard{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

scripted_server::scripted_server(std::vector<script> scripts)
  : scripts_{std::move(scripts)} {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || bind(listener_, plain, size) != 0
      || listen(listener_, 16) != 0
      || getsockname(listener_, plain, &size) != 0)
    throw std::runtime_error{"the scripted server cannot listen"};
  port_ = ntohs(address.sin_port);
  thread_ = std::thread{[this] { serve(); }}; // tidy: seams: see above
}

scripted_server::~scripted_server() {
  stop_ = true;
  thread_.join();
  close(listener_);
}

std::string scripted_server::url() const {
  return "http://127.0.0.1:" + std::to_string(port_);
}

std::vector<std::string> scripted_server::requests() const {
  std::lock_guard lock{mutex_};
  return requests_;
}

void scripted_server::serve() {
  for (size_t n = 0; !stop_;) {
    if (!readable(listener_, 20))
      continue;
    int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0)
      continue;
    bool noted = false;
    // On the list before the answer leaves: who has the answer finds it there.
    note_request = [&](const std::string& text) {
      std::lock_guard lock{mutex_};
      if (!std::exchange(noted, true))
        requests_.emplace_back();
      requests_.back() += text;
    };
    scripted_connection connection{fd};
    scripts_[std::min(n++, scripts_.size() - 1)](connection);
    if (!noted)
      note_request({});
    note_request = nullptr;
    close(fd);
  }
}

scripted_server::script scripted_server::answer(std::string text) {
  return [text](scripted_connection& to) {
    to.read_request();
    to.write(text);
  };
}

std::string scripted_server::response(std::string_view status,
                                      std::string_view body,
                                      std::string_view headers) {
  std::string text = "HTTP/1.1 ";
  ((text += status) += "\r\n") += headers;
  text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  return text += body;
}

} // namespace troupe::tests
