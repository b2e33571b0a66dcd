#include "models/torch_training_model.hpp"

#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <cstring>

namespace troupe::models {

namespace {

struct layer {
  at::Tensor attention_norm; // [hidden]
  at::Tensor qkv;            // [query + 2 kv, hidden]
  at::Tensor out;            // [hidden, query]
  at::Tensor mlp_norm;       // [hidden]
  at::Tensor gate_up;        // [2 intermediate, hidden]
  at::Tensor down;           // [hidden, intermediate]
};

at::Tensor normalise(const at::Tensor& x, const at::Tensor& weight,
                     double epsilon) {
  auto scale = at::rsqrt(at::mean(x * x, {-1}, true) + epsilon);
  return x * scale * weight;
}

/// `x`: [batch, heads, tokens, size]; halves are rotated as Hugging Face does.
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine,
                  const at::Tensor& sine) {
  auto halves = x.chunk(2, -1);
  return at::cat({halves[0] * cosine - halves[1] * sine,
                  halves[1] * cosine + halves[0] * sine},
                 -1);
}

tensor_to_write stored(const std::string& name, const at::Tensor& t,
                       tensor_dtype dtype) {
  auto plain = t.detach()
                 .to(dtype == tensor_dtype::f16 ? at::kHalf : at::kFloat)
                 .contiguous();
  tensor_to_write made;
  made.name = name;
  made.dtype = dtype;
  made.shape = plain.sizes().vec();
  made.data.resize(plain.nbytes());
  std::memcpy(made.data.data(), plain.data_ptr(), plain.nbytes());
  return made;
}

} // namespace

struct torch_training_model::impl {
  llama_config shape;
  at::Tensor embedding; // [vocabulary, hidden], tied with the head
  at::Tensor final_norm;
  std::vector<layer> layers;
  std::vector<at::Tensor> parameters;
  at::Tensor cosine; // [context, head / 2]
  at::Tensor sine;

  at::Tensor attention(const layer& l, const at::Tensor& x,
                       const at::Tensor& mask) const;
};

torch_training_model::torch_training_model(const llama_config& shape,
                                           uint64_t seed)
  : impl_(std::make_unique<impl>()) {
  auto& m = *impl_;
  m.shape = shape;
  torch::manual_seed(seed);
  auto matrix = [&m](int64_t rows, int64_t columns, double deviation) {
    auto t = torch::randn({rows, columns}) * deviation;
    m.parameters.push_back(t.detach().requires_grad_(true));
    return m.parameters.back();
  };
  auto ones = [&m](int64_t size) {
    m.parameters.push_back(torch::ones({size}).requires_grad_(true));
    return m.parameters.back();
  };
  double plain = 0.02;
  double residual = plain / std::sqrt(2.0 * static_cast<double>(shape.layers));
  m.embedding = matrix(shape.vocabulary_size, shape.hidden_size, plain);
  for (int64_t i = 0; i < shape.layers; ++i) {
    layer l;
    l.attention_norm = ones(shape.hidden_size);
    l.qkv = matrix(shape.query_size() + 2 * shape.kv_size(), shape.hidden_size,
                   plain);
    l.out = matrix(shape.hidden_size, shape.query_size(), residual);
    l.mlp_norm = ones(shape.hidden_size);
    l.gate_up = matrix(2 * shape.intermediate_size, shape.hidden_size, plain);
    l.down = matrix(shape.hidden_size, shape.intermediate_size, residual);
    m.layers.push_back(std::move(l));
  }
  m.final_norm = ones(shape.hidden_size);
  auto steps = torch::arange(0, shape.head_size, 2, torch::kDouble)
               / static_cast<double>(shape.head_size);
  auto frequency = torch::pow(shape.rope_theta, -steps);
  auto angle = torch::outer(torch::arange(shape.context_length, torch::kDouble),
                            frequency);
  m.cosine = angle.cos().to(torch::kFloat);
  m.sine = angle.sin().to(torch::kFloat);
}

torch_training_model::~torch_training_model() = default;

std::vector<at::Tensor>& torch_training_model::parameters() noexcept {
  return impl_->parameters;
}

at::Tensor torch_training_model::impl::attention(const layer& l,
                                                 const at::Tensor& x,
                                                 const at::Tensor& mask) const {
  auto batch = x.size(0);
  auto tokens = x.size(1);
  auto group = shape.heads / shape.kv_heads;
  auto parts = at::linear(x, l.qkv).split_with_sizes(
    {shape.query_size(), shape.kv_size(), shape.kv_size()}, -1);
  auto heads = [&](const at::Tensor& t, int64_t count) {
    return t.view({batch, tokens, count, shape.head_size}).transpose(1, 2);
  };
  auto c = cosine.narrow(0, 0, tokens);
  auto s = sine.narrow(0, 0, tokens);
  // Query heads of one group share a key head: they are stacked along tokens.
  auto q =
    rotate(heads(parts[0], shape.heads), c, s)
      .reshape({batch * shape.kv_heads, group * tokens, shape.head_size});
  auto k = rotate(heads(parts[1], shape.kv_heads), c, s)
             .reshape({batch * shape.kv_heads, tokens, shape.head_size});
  auto v = heads(parts[2], shape.kv_heads)
             .reshape({batch * shape.kv_heads, tokens, shape.head_size});
  auto scale = 1.0 / std::sqrt(static_cast<double>(shape.head_size));
  auto scores = at::baddbmm(mask.repeat({group, 1}).unsqueeze(0), q,
                            k.transpose(1, 2), 1, scale);
  auto mixed = at::bmm(at::softmax(scores, -1), v)
                 .view({batch, shape.heads, tokens, shape.head_size})
                 .transpose(1, 2)
                 .reshape({batch, tokens, shape.query_size()});
  return at::linear(mixed, l.out);
}

at::Tensor torch_training_model::loss(const at::Tensor& rows) const {
  const auto& m = *impl_;
  auto tokens = rows.size(1) - 1;
  auto input = rows.narrow(1, 0, tokens);
  auto wanted = rows.narrow(1, 1, tokens).reshape({-1});
  auto mask = torch::full({tokens, tokens}, -1e9).triu(1);
  auto x = at::embedding(m.embedding, input);
  for (const auto& l : m.layers) {
    x = x
        + m.attention(l, normalise(x, l.attention_norm, m.shape.norm_epsilon),
                      mask);
    auto parts =
      at::linear(normalise(x, l.mlp_norm, m.shape.norm_epsilon), l.gate_up)
        .chunk(2, -1);
    x = x + at::linear(at::silu(parts[0]) * parts[1], l.down);
  }
  x = normalise(x, m.final_norm, m.shape.norm_epsilon);
  auto logits = at::linear(x, m.embedding).view({-1, m.shape.vocabulary_size});
  return at::cross_entropy_loss(logits, wanted);
}

std::vector<tensor_to_write>
torch_training_model::exported(tensor_dtype dtype) const {
  const auto& m = *impl_;
  std::vector<tensor_to_write> made;
  made.push_back(stored("model.embed_tokens.weight", m.embedding, dtype));
  for (size_t i = 0; i < m.layers.size(); ++i) {
    const auto& l = m.layers[i];
    auto at = "model.layers." + std::to_string(i) + ".";
    auto qkv = l.qkv.split_with_sizes(
      {m.shape.query_size(), m.shape.kv_size(), m.shape.kv_size()});
    auto gate_up = l.gate_up.chunk(2);
    auto add = [&](const char* name, const at::Tensor& t) {
      made.push_back(stored(at + name + ".weight", t, dtype));
    };
    add("input_layernorm", l.attention_norm);
    add("self_attn.q_proj", qkv[0]);
    add("self_attn.k_proj", qkv[1]);
    add("self_attn.v_proj", qkv[2]);
    add("self_attn.o_proj", l.out);
    add("post_attention_layernorm", l.mlp_norm);
    add("mlp.gate_proj", gate_up[0]);
    add("mlp.up_proj", gate_up[1]);
    add("mlp.down_proj", l.down);
  }
  made.push_back(stored("model.norm.weight", m.final_norm, dtype));
  return made;
}

} // namespace troupe::models
