// The Llama decoder as `troupe-train` differentiates it: all positions of a
// batch at once, float32 on the CPU. Inference is torch_llama.
#pragma once

#include "models/llama_config.hpp"
#include "models/safetensors.hpp"
#include "runtime/result.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace at {
class Tensor;
}

namespace troupe::models {

class torch_training_model {
public:
  /// Weights drawn from normal(0, 0.02), those that write into the residual
  /// stream scaled by 1 / sqrt(2 layers) (GPT-2).
  torch_training_model(const llama_config& shape, uint64_t seed);
  ~torch_training_model();

  /// Mean cross-entropy in nats of each row's next tokens. `rows` is int64
  /// [batch, tokens + 1]; row t predicts t + 1. Differentiable.
  at::Tensor loss(const at::Tensor& rows) const;

  /// All weights; matrices of one layer that read the same input are fused.
  std::vector<at::Tensor>& parameters() noexcept;

  /// Hugging Face's names and layout, each tensor as `dtype` (f32 or f16).
  std::vector<tensor_to_write> exported(tensor_dtype dtype) const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::models
