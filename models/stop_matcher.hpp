// Finds stop strings in text that arrives in pieces. Text that could still turn
// out to be the beginning of one is held back, so that a client never sees any
// part of a stop string.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::models {

class stop_matcher {
public:
  /// Empty strings are ignored.
  explicit stop_matcher(std::vector<std::string> stops);

  struct outcome {
    std::string text;     ///< May be shown; whole characters if the input was.
    bool stopped = false; ///< A stop string follows `text`; it is over.
  };

  /// Not after a push that stopped. Of several stop strings the one that starts
  /// first wins.
  outcome push(std::string_view text);

  /// The end without a stop string: what was held back.
  std::string finish();

  size_t held_bytes() const noexcept { return held_.size(); }

private:
  std::vector<std::string> stops_;
  std::string held_;
};

} // namespace troupe::models
