// The text that `troupe-train` learns from, as one stream of tokens: records in
// a seeded order, each after an end-of-text token, cut into equal rows.
#pragma once

#include "models/tokenizer.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::models {

/// Records of `path` (each ended by a form feed and a newline). Fails with
/// `io_error`, or `config_invalid` if there is none.
runtime::result<std::vector<std::string>> read_records(const std::string& path);

struct corpus_split {
  std::vector<std::string> training;
  std::vector<std::string> held_out;
};

/// Every record whose name (its first line up to the first "-", digit or end)
/// hashes to 0 of 100 is held out, so that sibling packages stay together.
corpus_split split_corpus(std::vector<std::string> records);

/// One epoch: rows of `row_tokens` tokens, in the order of (seed, epoch).
class token_rows {
public:
  /// Encodes all records once. `separator` precedes each.
  static runtime::result<token_rows>
  encode(const std::vector<std::string>& records, const tokenizer& words,
         token_id separator);

  /// Concatenates the records in the order of `seed` and cuts the stream; the
  /// remainder is dropped.
  std::vector<std::vector<token_id>> rows(uint64_t seed,
                                          size_t row_tokens) const;

  uint64_t tokens() const noexcept { return tokens_; }

private:
  std::vector<std::vector<token_id>> records_;
  uint64_t tokens_ = 0;
};

} // namespace troupe::models
