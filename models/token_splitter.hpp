// Cuts text into the pieces that byte-level BPE merges within: PCRE2 stands in
// for the regex engine of Hugging Face's tokenizers. Compiled once, then const
// and usable from any thread.
#pragma once

#include "runtime/result.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace troupe::models {

class token_splitter {
public:
  /// `pattern`: a regular expression over Unicode text (UTF and UCP modes).
  /// Fails with `config_invalid`, PCRE2's message and the offset in `pattern`.
  static runtime::result<token_splitter> compile(std::string_view pattern);

  token_splitter(token_splitter&&) noexcept;
  token_splitter& operator=(token_splitter&&) noexcept;
  ~token_splitter();

  /// Calls `piece` for every match and for every stretch between matches, in
  /// order; together they are `text`. `text` must be valid UTF-8. Fails with
  /// `validation_failed` if the pattern needs more work than PCRE2's limits.
  runtime::result<void>
  split(std::string_view text,
        const std::function<void(std::string_view)>& piece) const;

private:
  struct impl;
  explicit token_splitter(std::unique_ptr<impl> compiled);
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::models
