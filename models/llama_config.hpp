// The shape of a Llama-family decoder, as config.json in Hugging Face's layout
// states it.
#pragma once

#include "runtime/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::models {

struct llama_config {
  int64_t vocabulary_size = 0;   ///< 1..2'000'000.
  int64_t hidden_size = 0;       ///< 1..65'536.
  int64_t intermediate_size = 0; ///< Of the SwiGLU, 1..262'144.
  int64_t layers = 0;            ///< 1..512.
  int64_t heads = 0;             ///< Query heads, 1..1'024.
  int64_t kv_heads = 0;          ///< Divides `heads`.
  int64_t head_size = 0;         ///< Even; `hidden_size / heads` if not given.
  int64_t context_length = 0;    ///< max_position_embeddings, 1..1'048'576.
  double norm_epsilon = 1e-5;
  double rope_theta = 10000.0;
  bool tied_embeddings = false;
  std::vector<int32_t> eos_tokens; ///< Any of them ends a text.

  /// Fails with `config_invalid` (field and reason), or `unsupported` for
  /// another architecture, activation, bias or RoPE scaling.
  static runtime::result<llama_config> parse(std::string_view json,
                                             std::string_view name);

  /// config.json for `LlamaForCausalLM`; the weights are stored as `dtype`,
  /// e.g. "float16".
  std::string to_json(std::string_view dtype) const;

  int64_t query_size() const noexcept { return heads * head_size; }
  int64_t kv_size() const noexcept { return kv_heads * head_size; }
};

} // namespace troupe::models
