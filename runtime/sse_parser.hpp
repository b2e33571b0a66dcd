// Reads a text/event-stream (HTML Living Standard 9.2.6) from pieces of any
// size: the same bytes give the same events however they are cut.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

struct sse_event {
  std::string type; ///< `message` when the stream named none.
  std::string data; ///< Lines joined with one LF.
  std::string id;   ///< The last one seen in the stream; may be older.
  friend bool operator==(const sse_event&, const sse_event&) = default;
};

class sse_parser {
public:
  /// `bytes_max`: the largest line and the largest data of one event.
  explicit sse_parser(size_t bytes_max = 4 * 1024 * 1024)
    : bytes_max_{bytes_max} {}

  /// The events that `bytes` complete, in order. Nothing any more after a line
  /// or an event above the bound: see `overflowed`.
  std::vector<sse_event> feed(std::string_view bytes);

  bool overflowed() const noexcept { return overflowed_; }
  const std::string& last_id() const noexcept { return last_id_; }
  /// The server's latest `retry:` in milliseconds.
  std::optional<uint64_t> retry_ms() const noexcept { return retry_ms_; }

private:
  void end_line(std::vector<sse_event>& out);
  void take_field(std::string_view name, std::string_view value);

  size_t bytes_max_;
  bool overflowed_ = false;
  bool first_line_ = true; ///< A byte order mark may stand before it.
  bool after_cr_ = false;  ///< An LF now belongs to that CR.
  std::string line_;
  std::string type_;
  std::string data_;
  bool has_data_ = false;
  std::string last_id_;
  std::optional<uint64_t> retry_ms_;
};

} // namespace troupe::runtime
