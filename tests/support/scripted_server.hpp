// An HTTP server that does as it is told, byte by byte: one script for each
// connection, in order. For clients under test; listens on a free loopback port.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace troupe::tests {

class scripted_connection {
public:
  explicit scripted_connection(int fd) : fd_{fd} {}

  /// Head and body (by Content-Length); empty when the client left.
  std::string read_request();
  /// False when the client left.
  bool write(std::string_view bytes);
  /// Blocks until the client closes, at most 10 s.
  void wait_until_closed();
  /// Closes with a reset instead of an orderly end.
  void reset();

private:
  int fd_;
};

class scripted_server {
public:
  using script = std::function<void(scripted_connection&)>;

  /// The last script also serves every later connection.
  explicit scripted_server(std::vector<script> scripts);
  ~scripted_server();
  scripted_server(const scripted_server&) = delete;
  scripted_server& operator=(const scripted_server&) = delete;

  std::string url() const;
  /// What `read_request` read, in order of the connections.
  std::vector<std::string> requests() const;

  /// Reads one request, answers it and closes.
  static script answer(std::string text);
  /// A whole response with Content-Length.
  static std::string response(std::string_view status, std::string_view body,
                              std::string_view headers = {});

private:
  void serve();

  std::vector<script> scripts_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_; // tidy: seams: the other side of a real socket
};

} // namespace troupe::tests
