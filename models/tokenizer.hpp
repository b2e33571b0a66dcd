// Text to token ids and back, for byte-level BPE in Hugging Face's
// tokenizer.json (GPT-2, Llama 3 and what follows them). Immutable once loaded;
// usable from any thread.
#pragma once

#include "runtime/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::models {

using token_id = int32_t;

struct encode_options {
  /// Spellings of special tokens in the text become those tokens. Off for text
  /// that a client wrote, so that nobody smuggles in an end-of-text.
  bool parse_special = false;
  /// Adds what the file's post-processor puts around a text (e.g. a
  /// begin-of-text token).
  bool add_special = true;
};

class tokenizer {
public:
  /// Reads `path`, 64 MiB at most. Fails with `config_invalid` (wrong, with file
  /// and field), `unsupported` (valid, but a kind that this code does not
  /// implement) or `io_error`.
  static runtime::result<tokenizer> load(const std::string& path);

  /// The same from memory; `name` is what errors call the document.
  static runtime::result<tokenizer> parse(std::string_view json,
                                          std::string_view name);

  tokenizer(tokenizer&&) noexcept;
  tokenizer& operator=(tokenizer&&) noexcept;
  ~tokenizer();

  /// Fails with `validation_failed` if `text` is not UTF-8.
  runtime::result<std::vector<token_id>>
  encode(std::string_view text, encode_options options = {}) const;

  /// The bytes of one token; not always whole characters. Empty for special
  /// tokens and for ids outside of the vocabulary.
  std::string_view bytes_of(token_id id) const noexcept;

  /// The bytes of all tokens; special tokens are left out.
  std::string decode(const std::vector<token_id>& ids) const;

  /// By the spelling of the file, e.g. "<|eos|>".
  std::optional<token_id> find(std::string_view spelling) const;

  bool is_special(token_id id) const noexcept;

  /// Largest id plus one.
  uint32_t size() const noexcept;

private:
  struct impl;
  explicit tokenizer(std::unique_ptr<const impl> loaded);
  std::unique_ptr<const impl> impl_;
};

} // namespace troupe::models
