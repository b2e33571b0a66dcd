// Learns a byte-level BPE vocabulary from text and writes it as a Hugging Face
// tokenizer.json. Deterministic: ties go to the smaller pair of ids.
#pragma once

#include "runtime/result.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::models {

/// How the text is cut before merging: words, up to three digits, runs of
/// punctuation with their line ends, white space (the pattern of Llama 3).
extern const std::string_view bpe_split_pattern;

/// Counts pieces, then merges the most frequent pair until the vocabulary is
/// full (Sennrich et al. 2016).
class bpe_trainer {
public:
  /// Counts the pieces of one record. `text` must be valid UTF-8.
  runtime::result<void> add(std::string_view text);

  /// tokenizer.json with `special_tokens` as ids 0.., then the 256 bytes, then
  /// merges, `vocabulary_size` entries at most. Fails with `invalid_argument`
  /// if the size has no room for bytes and special tokens.
  runtime::result<std::string>
  train(uint32_t vocabulary_size,
        const std::vector<std::string>& special_tokens) const;

private:
  std::map<std::string, uint64_t, std::less<>> pieces_;
};

} // namespace troupe::models
