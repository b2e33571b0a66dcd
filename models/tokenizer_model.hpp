// What a tokenizer.json says, reduced to what encoding needs. Private to the
// tokenizer; filled by tokenizer_file.cpp, used by tokenizer.cpp.
#pragma once

#include "models/token_splitter.hpp"
#include "models/tokenizer.hpp"

#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe::models::detail {

struct merge_rule {
  uint32_t rank = 0; ///< Smaller merges first.
  token_id result = 0;
};

struct added_token {
  std::string content;
  token_id id = 0;
  bool special = false;
};

/// One pre-tokenizer: what it does to every piece of the one before.
struct splitting_stage {
  bool prefix_space = false; ///< First gives the piece a leading space.
  std::optional<token_splitter> splitter;
};

struct tokenizer_model {
  std::vector<std::string> bytes; ///< Id -> bytes; special tokens are empty.
  std::vector<bool> special;      ///< Id -> is it special?
  std::unordered_map<std::string, token_id> by_spelling;
  std::unordered_map<std::string, token_id> by_bytes;
  std::unordered_map<uint64_t, merge_rule> merges; ///< By `merge_key`.
  std::array<token_id, 256> byte_ids{};
  std::vector<added_token> added; ///< Longest first.
  std::vector<splitting_stage> stages;
  std::vector<token_id> before; ///< Special tokens around a text.
  std::vector<token_id> after;
  bool ignore_merges = false; ///< A piece that is a token is taken whole.
};

inline uint64_t merge_key(token_id left, token_id right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32
         | static_cast<uint32_t>(right);
}

/// Parses the document; see `tokenizer::parse` for the failures.
runtime::result<tokenizer_model> parse_tokenizer(std::string_view json,
                                                 std::string_view name);

} // namespace troupe::models::detail
