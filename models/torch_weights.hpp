// Finds a model's tensors in the safetensors files of its folder and converts
// them to float32.
#pragma once

#include "models/safetensors.hpp"
#include "runtime/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace at {
class Tensor;
}

namespace troupe::models {

class torch_weights {
public:
  /// Opens every *.safetensors of `folder`. Fails with `config_invalid` if there
  /// is none or a name occurs in two, or as `safetensors_file::open`.
  static runtime::result<torch_weights> open(const std::string& folder);

  /// A float32 copy. Fails with `config_invalid` if the tensor is missing, of
  /// another shape, or not of a floating-point type.
  runtime::result<at::Tensor> take(std::string_view name,
                                   const std::vector<int64_t>& shape) const;

private:
  std::string folder_;
  std::vector<safetensors_file> files_;
};

} // namespace troupe::models
