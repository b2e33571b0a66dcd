// The bare Beast server that the ceiling and the skeleton share: one I/O thread,
// keep-alive, POST bodies in, 202 out when told. It parses no JSON and checks
// nothing: what stands behind it is what differs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace troupe::bench {

class http_front {
public:
  /// Called on the I/O thread for each request; the ticket names the waiting
  /// connection, which has one request at a time.
  using on_submit = std::function<void(uint64_t ticket, std::string body)>;

  /// Listens on 127.0.0.1:`port` (0 = any).
  http_front(uint16_t port, on_submit handler);
  ~http_front();

  uint16_t port() const;
  /// Serves until SIGTERM or SIGINT, on the calling thread.
  void run();
  /// Answers 202 to all of them with one post to the I/O thread. Thread-safe.
  void answer(std::vector<uint64_t> tickets);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// Prints the `listening` line that `child_process` waits for.
void print_listening(uint16_t port);

} // namespace troupe::bench
