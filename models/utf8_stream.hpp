// Whole characters out of bytes that arrive in any pieces, as tokens do: a
// character split over two tokens is held until its last byte is there.
#pragma once

#include <string>
#include <string_view>

namespace troupe::models {

/// Bytes that can never become a character turn into U+FFFD, one for each
/// maximal ill-formed part (Unicode 15, section 3.9).
class utf8_stream {
public:
  /// The characters that `bytes` completed.
  std::string push(std::string_view bytes);

  /// The end: what is still held becomes U+FFFD.
  std::string finish();

  /// At most 3.
  size_t held_bytes() const noexcept { return held_.size(); }

private:
  std::string held_;
};

} // namespace troupe::models
