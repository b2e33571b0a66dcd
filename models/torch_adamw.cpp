#include "models/torch_adamw.hpp"

#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <cstring>

namespace troupe::models {

namespace {

constexpr double beta1 = 0.9;
constexpr double beta2 = 0.95;
constexpr double epsilon = 1e-8;

tensor_to_write stored(const std::string& name, const at::Tensor& t) {
  auto plain = t.detach().contiguous();
  tensor_to_write made{name, tensor_dtype::f32, plain.sizes().vec(), {}};
  made.data.resize(plain.nbytes());
  std::memcpy(made.data.data(), plain.data_ptr(), plain.nbytes());
  return made;
}

runtime::result<void> load(const safetensors_file& file,
                           const std::string& name, at::Tensor into) {
  auto at = file.header().tensors.find(name);
  if (at == file.header().tensors.end() || at->second.dtype != tensor_dtype::f32
      || at->second.shape != into.sizes().vec())
    return runtime::fail(runtime::errc::config_invalid,
                         file.path() + ": \"" + name
                           + "\" is missing or of another shape");
  auto bytes = file.bytes_of(at->second);
  std::memcpy(into.data_ptr(), bytes.data(), bytes.size());
  return {};
}

} // namespace

struct torch_adamw::impl {
  std::vector<at::Tensor>& parameters;
  std::vector<at::Tensor> first;
  std::vector<at::Tensor> second;
  double weight_decay;
  uint64_t steps = 0;
};

torch_adamw::torch_adamw(std::vector<at::Tensor>& parameters,
                         double weight_decay)
  : impl_(std::make_unique<impl>(impl{parameters, {}, {}, weight_decay, 0})) {
  for (const auto& p : parameters) {
    impl_->first.push_back(torch::zeros_like(p.detach()));
    impl_->second.push_back(torch::zeros_like(p.detach()));
  }
}

torch_adamw::~torch_adamw() = default;

void torch_adamw::step(double learning_rate) {
  torch::NoGradGuard no_grad;
  auto& m = *impl_;
  ++m.steps;
  double square = 0;
  for (auto& p : m.parameters)
    square += p.grad().pow(2).sum().item<double>();
  double clip = std::min(1.0, 1.0 / (std::sqrt(square) + 1e-6));
  double bias1 = 1 - std::pow(beta1, static_cast<double>(m.steps));
  double bias2 = 1 - std::pow(beta2, static_cast<double>(m.steps));
  for (size_t i = 0; i < m.parameters.size(); ++i) {
    auto& p = m.parameters[i];
    auto grad = p.grad().mul_(clip);
    m.first[i].lerp_(grad, 1 - beta1);
    m.second[i].mul_(beta2).addcmul_(grad, grad, 1 - beta2);
    if (p.dim() > 1)
      p.mul_(1 - learning_rate * m.weight_decay);
    auto root = m.second[i].sqrt().mul_(1 / std::sqrt(bias2)).add_(epsilon);
    p.addcdiv_(m.first[i], root, -learning_rate / bias1);
    p.mutable_grad().zero_();
  }
}

std::vector<tensor_to_write> torch_adamw::state() const {
  std::vector<tensor_to_write> made;
  for (size_t i = 0; i < impl_->parameters.size(); ++i) {
    auto n = std::to_string(i);
    made.push_back(stored("parameter." + n, impl_->parameters[i]));
    made.push_back(stored("first." + n, impl_->first[i]));
    made.push_back(stored("second." + n, impl_->second[i]));
  }
  return made;
}

runtime::result<void> torch_adamw::restore(const safetensors_file& file,
                                           uint64_t steps_done) {
  torch::NoGradGuard no_grad;
  impl_->steps = steps_done;
  for (size_t i = 0; i < impl_->parameters.size(); ++i) {
    auto n = std::to_string(i);
    for (auto [name, into] : {std::pair{"parameter.", impl_->parameters[i]},
                              std::pair{"first.", impl_->first[i]},
                              std::pair{"second.", impl_->second[i]}})
      if (auto ok = load(file, name + n, into.detach()); !ok)
        return ok;
  }
  return {};
}

} // namespace troupe::models
