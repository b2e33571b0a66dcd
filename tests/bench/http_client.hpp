// A keep-alive HTTP/1.1 client connection on loopback, as light as it gets: one
// request in flight, answers framed by Content-Length (anything else is an
// error). It belongs to a poller and reports through a listener.
#pragma once

#include "tests/bench/poller.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::bench {

struct http_answer {
  int status = 0;
  std::string_view head; ///< Status line and headers, valid in the callback.
  std::string_view body; ///< Valid in the callback.
};

class http_client;

class http_listener {
public:
  virtual ~http_listener() = default;
  /// The client is idle again: it may send from here.
  virtual void on_answer(http_client& from, const http_answer& answer) = 0;
  /// The connection broke; the client is idle and reconnects on `send`.
  virtual void on_broken(http_client& from) = 0;
};

class http_client final : public pollable {
public:
  http_client(poller& loop, uint16_t port, http_listener& listener);
  ~http_client() override;

  /// Only when idle. False when the node cannot be reached.
  bool send(std::string_view request);
  bool idle() const noexcept { return !busy_; }
  /// When the request was meant to leave (open loop) or left (closed loop).
  instant intended{};
  /// The caller's own mark on the request in flight.
  uint64_t tag = 0;

  void on_ready(uint32_t events) override;

private:
  bool connect();
  void break_off();
  /// One complete answer at the start of `in_`, with its length.
  std::optional<std::pair<http_answer, size_t>> parse() const;

  poller& loop_;
  uint16_t port_;
  http_listener& listener_;
  int fd_ = -1;
  bool busy_ = false;
  std::string in_;
};

/// Header value by lower-case name; empty when absent.
std::string_view header_value(std::string_view head, std::string_view name);

/// A connected non-blocking socket to 127.0.0.1:port, or -1.
int connect_loopback(uint16_t port);

/// Writes everything, waiting up to 5 s for room. False when the peer is gone.
bool write_all(int fd, std::string_view bytes);

struct simple_answer {
  int status = 0; ///< 0: not reachable, or no answer in time.
  std::string head;
  std::string body;
};
/// One blocking request on a fresh connection (set-up and probes).
simple_answer fetch(uint16_t port, std::string_view method,
                    std::string_view target, std::string_view body = {},
                    double timeout_s = 5.0);

} // namespace troupe::bench
