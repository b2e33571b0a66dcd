// A Llama-family decoder for inference, float32 on the CPU: weights from a
// Hugging Face folder, a key-value cache of fixed slots, and a forward pass over
// any rows of (slot, position, token). LibTorch stays inside.
#pragma once

#include "models/llama_config.hpp"
#include "models/tokenizer.hpp"
#include "runtime/result.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace troupe::models {

/// One token to compute. Rows of a slot come in the order of their positions,
/// which the cache then holds.
struct decoder_row {
  int32_t slot = idle; ///< `idle`: computed for shape's sake, touches nothing.
  uint32_t position = 0;
  token_id token = 0;

  static constexpr int32_t idle = -1;
};

class torch_llama {
public:
  struct limits {
    uint32_t slots = 1;
    uint32_t context_length = 0; ///< 0 = the model's.
    uint32_t rows_max = 256;     ///< Of one forward pass.
    uint32_t threads = 1;        ///< Of matrix products; for the process.
  };

  /// `folder` has config.json and *.safetensors (any number of files). Fails
  /// with what and where (file, tensor, expected and found shape):
  /// `config_invalid`, `unsupported`, `io_error`.
  static runtime::result<torch_llama> load(const std::string& folder,
                                           limits with);

  torch_llama(torch_llama&&) noexcept;
  torch_llama& operator=(torch_llama&&) noexcept;
  ~torch_llama();

  const llama_config& shape() const noexcept;
  uint32_t context_length() const noexcept;
  uint64_t kv_bytes() const noexcept;

  /// Computes `rows`, at most `rows_max`. Logits of the rows from `logits_from`
  /// on, `vocabulary_size` floats each, valid until the next call. A row's
  /// result depends on its slot's cache and on the number of rows only. Throws
  /// what LibTorch throws (out of memory).
  std::span<const float> forward(std::span<const decoder_row> rows,
                                 size_t logits_from);

  /// What the cache holds of a slot's first positions, to put back into any slot
  /// later: the same results to the bit.
  std::vector<float> save_slot(uint32_t slot, uint32_t positions) const;
  void restore_slot(uint32_t slot, const std::vector<float>& image);

private:
  struct impl;
  explicit torch_llama(std::unique_ptr<impl> loaded);
  std::unique_ptr<impl> impl_;
};

/// Threads of LibTorch and of OpenBLAS, which LibTorch does not tell. A second
/// OpenBLAS thread on a busy machine doubles the work, by spinning.
void set_torch_threads(uint32_t threads);

} // namespace troupe::models
