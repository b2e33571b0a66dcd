// Turns the tokens of one attempt into text that may be shown: whole characters,
// nothing that could be part of a stop string, and how many tokens it covers.
#pragma once

#include "models/stop_matcher.hpp"
#include "models/utf8_stream.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::models {

class text_stream {
public:
  explicit text_stream(std::vector<std::string> stops)
    : stop_(std::move(stops)) {}

  struct piece {
    std::string text;
    uint32_t tokens = 0; ///< Those whose text has begun to be shown.
    bool stopped = false;
  };

  /// One token's bytes. After `stopped` it is over.
  piece push(std::string_view bytes);

  /// The end without a stop string: the rest of the text and tokens.
  piece finish();

private:
  piece release(std::string text, bool all);

  utf8_stream characters_;
  stop_matcher stop_;
  /// For each token that is not covered yet, how many bytes of text had been
  /// pushed before it.
  std::deque<uint64_t> begins_;
  uint64_t pushed_ = 0;
  uint64_t shown_ = 0;
};

} // namespace troupe::models
