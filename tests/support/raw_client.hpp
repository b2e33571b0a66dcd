// A TCP client that sends whatever bytes a test wants and reads at its own pace.
// Every wait has a limit, so that a hanging server fails a test, not the run.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::tests {

struct raw_reply {
  int status = 0;
  std::map<std::string, std::string> fields; ///< Names in lower case.
  std::string body;

  std::string field(const std::string& name) const;
};

class raw_client {
public:
  /// `receive_buffer`: bytes of the kernel's buffer; 0 = default.
  explicit raw_client(uint16_t port, int receive_buffer = 0);
  ~raw_client();
  raw_client(raw_client&& other) noexcept;
  raw_client& operator=(raw_client&&) = delete;

  /// False when the connection broke.
  bool send(std::string_view bytes);
  /// One answer framed by Content-Length, chunks or (304, 204) nothing; an
  /// answer to HEAD has no body. Nothing on a break or after 10 s.
  std::optional<raw_reply> read_reply(bool head = false);
  /// Only the status line and fields.
  std::optional<raw_reply> read_head();
  /// Bytes of the body of a chunked answer until `text` has been seen (its end
  /// included), the answer's end, a break or 10 s.
  std::string read_chunks_until(std::string_view text);
  /// True when the server closes within `limit` and sends nothing more.
  bool closes(std::chrono::milliseconds limit = std::chrono::seconds{10});
  /// Up to `n` bytes that can be read right now or within `limit`.
  std::string read_some(size_t n, std::chrono::milliseconds limit);
  void shutdown_send();
  /// Closes with a reset.
  void reset();
  bool at_end() const noexcept { return end_; }

private:
  bool fill(std::chrono::milliseconds limit);
  std::optional<std::string> take(size_t n);
  std::optional<std::string> take_line();

  int fd_ = -1;
  std::string buffer_;
  std::string chunks_;
  bool end_ = false;
};

/// One request on a connection of its own.
raw_reply ask(uint16_t port, std::string_view bytes);

} // namespace troupe::tests
