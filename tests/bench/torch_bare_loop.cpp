#include "tests/bench/torch_bare_loop.hpp"

#include "models/llama_config.hpp"
#include "models/torch_weights.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <fstream>
#include <sstream>

namespace troupe::bench {

namespace {

struct layer {
  at::Tensor attention_norm, qkv, out, mlp_norm, gate_up, down;
  at::Tensor keys, values; // [rows, kv heads, context, head size]
};

at::Tensor normalise(const at::Tensor& x, const at::Tensor& weight,
                     double epsilon) {
  return x * at::rsqrt(x.pow(2).mean({-1}, true) + epsilon) * weight;
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& c,
                  const at::Tensor& s) {
  auto halves = x.chunk(2, -1);
  return at::cat({halves[0] * c - halves[1] * s, halves[1] * c + halves[0] * s},
                 -1);
}

} // namespace

struct torch_bare_loop::impl {
  models::llama_config shape;
  int64_t rows = 1;
  at::Tensor embedding, final_norm, head, cosine, sine;
  std::vector<layer> layers;

  /// [rows] token ids at `position` -> [rows] next ids.
  at::Tensor step(const at::Tensor& ids, int64_t position);
  at::Tensor attention(layer& l, const at::Tensor& x, int64_t position);
};

torch_bare_loop::torch_bare_loop(std::unique_ptr<impl> loaded)
  : impl_(std::move(loaded)) {}
torch_bare_loop::torch_bare_loop(torch_bare_loop&&) noexcept = default;
torch_bare_loop::~torch_bare_loop() = default;

runtime::result<torch_bare_loop>
torch_bare_loop::load(const std::string& folder, uint32_t rows) {
  c10::InferenceMode inference;
  std::ifstream file{folder + "/config.json"};
  std::ostringstream text;
  text << file.rdbuf();
  auto shape = models::llama_config::parse(text.str(), folder);
  if (!shape)
    return shape.error();
  auto weights = models::torch_weights::open(folder);
  if (!weights)
    return weights.error();
  auto made = std::make_unique<impl>();
  auto& m = *made;
  m.shape = *shape;
  m.rows = rows;
  // The folder was loaded by torch_decoder before: every tensor is there.
  auto take = [&](const std::string& name, std::vector<int64_t> size) {
    return weights->take(name, size).value();
  };
  auto hidden = shape->hidden_size;
  auto inner = shape->intermediate_size;
  m.embedding =
    take("model.embed_tokens.weight", {shape->vocabulary_size, hidden});
  m.head = shape->tied_embeddings
             ? m.embedding
             : take("lm_head.weight", {shape->vocabulary_size, hidden});
  m.final_norm = take("model.norm.weight", {hidden});
  for (int64_t i = 0; i < shape->layers; ++i) {
    auto p = "model.layers." + std::to_string(i) + ".";
    auto a = p + "self_attn.";
    layer l;
    l.attention_norm = take(p + "input_layernorm.weight", {hidden});
    l.qkv = at::cat({take(a + "q_proj.weight", {shape->query_size(), hidden}),
                     take(a + "k_proj.weight", {shape->kv_size(), hidden}),
                     take(a + "v_proj.weight", {shape->kv_size(), hidden})});
    l.out = take(a + "o_proj.weight", {hidden, shape->query_size()});
    l.mlp_norm = take(p + "post_attention_layernorm.weight", {hidden});
    l.gate_up = at::cat({take(p + "mlp.gate_proj.weight", {inner, hidden}),
                         take(p + "mlp.up_proj.weight", {inner, hidden})});
    l.down = take(p + "mlp.down_proj.weight", {hidden, inner});
    l.keys = at::zeros(
      {m.rows, shape->kv_heads, shape->context_length, shape->head_size});
    l.values = at::zeros_like(l.keys);
    m.layers.push_back(std::move(l));
  }
  auto exponents =
    at::arange(0, shape->head_size, 2, at::TensorOptions().dtype(at::kDouble))
    / static_cast<double>(shape->head_size);
  auto angles = at::outer(
    at::arange(shape->context_length, at::TensorOptions().dtype(at::kDouble)),
    at::pow(shape->rope_theta, -exponents));
  m.cosine = angles.cos().to(at::kFloat);
  m.sine = angles.sin().to(at::kFloat);
  return torch_bare_loop{std::move(made)};
}

at::Tensor torch_bare_loop::impl::attention(layer& l, const at::Tensor& x,
                                            int64_t position) {
  auto parts = at::linear(x, l.qkv).split_with_sizes(
    {shape.query_size(), shape.kv_size(), shape.kv_size()}, -1);
  auto c = cosine[position];
  auto s = sine[position];
  auto size = shape.head_size;
  auto q = rotate(parts[0].view({rows, shape.heads, size}), c, s);
  auto k = rotate(parts[1].view({rows, shape.kv_heads, size}), c, s);
  l.keys.select(2, position).copy_(k);
  l.values.select(2, position)
    .copy_(parts[2].view({rows, shape.kv_heads, size}));
  // The query heads of a group share keys: [rows, kv heads, group, size].
  auto grouped =
    q.view({rows, shape.kv_heads, shape.heads / shape.kv_heads, size});
  auto keys = l.keys.narrow(2, 0, position + 1);
  auto values = l.values.narrow(2, 0, position + 1);
  auto scores = at::matmul(grouped, keys.transpose(2, 3))
                / std::sqrt(static_cast<double>(size));
  auto mixed = at::matmul(at::softmax(scores, -1), values);
  return at::linear(mixed.reshape({rows, shape.query_size()}), l.out);
}

at::Tensor torch_bare_loop::impl::step(const at::Tensor& ids,
                                       int64_t position) {
  auto x = at::embedding(embedding, ids);
  for (auto& l : layers) {
    x = x
        + attention(l, normalise(x, l.attention_norm, shape.norm_epsilon),
                    position);
    auto parts =
      at::linear(normalise(x, l.mlp_norm, shape.norm_epsilon), l.gate_up)
        .chunk(2, -1);
    x = x + at::linear(at::silu(parts[0]) * parts[1], l.down);
  }
  auto logits = at::linear(normalise(x, final_norm, shape.norm_epsilon), head);
  return logits.argmax(-1);
}

std::vector<int32_t> torch_bare_loop::run(const std::vector<int32_t>& prompt,
                                          uint32_t tokens) {
  c10::InferenceMode inference;
  auto& m = *impl_;
  std::vector<int32_t> made;
  auto options = at::TensorOptions().dtype(at::kLong);
  at::Tensor ids;
  for (size_t i = 0; i < prompt.size() + tokens - 1; ++i) {
    if (i < prompt.size())
      ids = at::full({m.rows}, static_cast<int64_t>(prompt[i]), options);
    ids = m.step(ids, static_cast<int64_t>(i));
    if (i + 1 >= prompt.size())
      made.push_back(static_cast<int32_t>(ids[0].item<int64_t>()));
  }
  return made;
}

} // namespace troupe::bench
