// AdamW (Loshchilov and Hutter 2019) over a model's tensors, with a state that
// fits into a safetensors checkpoint.
#pragma once

#include "models/safetensors.hpp"
#include "runtime/result.hpp"

#include <memory>
#include <vector>

namespace at {
class Tensor;
}

namespace troupe::models {

class torch_adamw {
public:
  /// Betas 0.9 and 0.95. `weight_decay` acts on matrices only.
  torch_adamw(std::vector<at::Tensor>& parameters, double weight_decay);
  ~torch_adamw();

  /// Clips the gradients to a norm of 1, applies them and clears them.
  void step(double learning_rate);

  /// Parameters and both moments, named by position.
  std::vector<tensor_to_write> state() const;
  /// Inverse; `steps_done` feeds the bias correction. Fails with
  /// `config_invalid` if the file is of another model.
  runtime::result<void> restore(const safetensors_file& file,
                                uint64_t steps_done);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::models
