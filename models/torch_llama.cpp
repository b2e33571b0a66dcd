#include "models/torch_llama.hpp"

#include "models/decoder_kernels.hpp"
#include "models/kv_cache.hpp"
#include "models/torch_weights.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

namespace troupe::models {

namespace {

constexpr uint64_t kv_bytes_max = uint64_t{64} << 30;

/// Matrices are kept transposed, [in, out], as the products take them.
struct layer {
  at::Tensor attention_norm;
  at::Tensor qkv;
  at::Tensor out;
  at::Tensor mlp_norm;
  at::Tensor gate_up;
  at::Tensor down;
};

std::span<float> row_of(const at::Tensor& t, size_t row) {
  auto width = static_cast<size_t>(t.size(1));
  return {t.data_ptr<float>() + row * width, width};
}

std::span<const float> all_of(const at::Tensor& t) {
  return {t.data_ptr<float>(), static_cast<size_t>(t.numel())};
}

runtime::result<std::string> read_text(const std::string& path) {
  // tidy: seams: model files are read once, at start
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  if (!file)
    return runtime::fail(runtime::errc::io_error, path + ": cannot be read");
  return std::move(text).str();
}

} // namespace

struct torch_llama::impl {
  impl(llama_config s, limits with)
    : shape(std::move(s)), bounds(with),
      cache({static_cast<size_t>(shape.layers), with.slots,
             static_cast<size_t>(shape.kv_heads), with.context_length,
             static_cast<size_t>(shape.head_size)}),
      scores(with.context_length) {}

  runtime::result<void> take_weights(const torch_weights& from);
  runtime::result<void> take_layer(const torch_weights& from, int64_t index);
  void prepare();

  void attention(const layer& l, size_t index,
                 std::span<const decoder_row> rows);
  void mlp(const layer& l, size_t rows);

  llama_config shape;
  limits bounds;
  kv_cache cache;
  std::vector<float> scores;
  at::Tensor embedding; // [vocabulary, hidden]
  at::Tensor head;      // [hidden, vocabulary]
  at::Tensor final_norm;
  std::vector<layer> layers;
  at::Tensor cosine; // [context, head size / 2]
  at::Tensor sine;

  // Buffers of [rows_max, …]; a pass uses their first rows.
  struct buffers {
    at::Tensor x, normed, qkv, mixed, added, gate_up, gated, logits;
  } b;
};

torch_llama::torch_llama(std::unique_ptr<impl> loaded)
  : impl_(std::move(loaded)) {}
torch_llama::torch_llama(torch_llama&&) noexcept = default;
torch_llama& torch_llama::operator=(torch_llama&&) noexcept = default;
torch_llama::~torch_llama() = default;

const llama_config& torch_llama::shape() const noexcept {
  return impl_->shape;
}
uint32_t torch_llama::context_length() const noexcept {
  return impl_->bounds.context_length;
}
std::vector<float> torch_llama::save_slot(uint32_t slot,
                                          uint32_t positions) const {
  return impl_->cache.save(slot, positions);
}

void torch_llama::restore_slot(uint32_t slot, const std::vector<float>& image) {
  impl_->cache.restore(slot, image);
}

uint64_t torch_llama::kv_bytes() const noexcept {
  return impl_->cache.bytes();
}

runtime::result<torch_llama> torch_llama::load(const std::string& folder,
                                               limits with) {
  auto config_path = folder + "/config.json";
  auto text = read_text(config_path);
  if (!text)
    return text.error();
  auto shape = llama_config::parse(*text, config_path);
  if (!shape)
    return shape.error();
  auto own = static_cast<uint32_t>(shape->context_length);
  if (with.context_length == 0)
    with.context_length = own;
  if (with.context_length > own)
    return runtime::fail(
      runtime::errc::config_invalid,
      config_path + ": the model has " + std::to_string(own) + " positions, "
        + std::to_string(with.context_length) + " are configured");
  double kv_bytes = 8.0 * with.slots * with.context_length
                    * static_cast<double>(shape->layers * shape->kv_size());
  if (kv_bytes > static_cast<double>(kv_bytes_max))
    return runtime::fail(runtime::errc::config_invalid,
                         folder
                           + ": slots times context need more than 64 GiB "
                             "of key-value cache");
  try {
    c10::InferenceMode inference;
    auto weights = torch_weights::open(folder);
    if (!weights)
      return weights.error();
    set_torch_threads(with.threads);
    auto made = std::make_unique<impl>(std::move(*shape), with);
    if (auto ok = made->take_weights(*weights); !ok)
      return ok.error();
    made->prepare();
    return torch_llama{std::move(made)};
  } catch (const std::exception& e) {
    return runtime::fail(runtime::errc::config_invalid,
                         folder + ": " + e.what());
  }
}

runtime::result<void>
torch_llama::impl::take_weights(const torch_weights& from) {
  auto table = from.take("model.embed_tokens.weight",
                         {shape.vocabulary_size, shape.hidden_size});
  if (!table)
    return table.error();
  embedding = *table;
  if (shape.tied_embeddings) {
    head = embedding.t().contiguous();
  } else {
    auto own =
      from.take("lm_head.weight", {shape.vocabulary_size, shape.hidden_size});
    if (!own)
      return own.error();
    head = own->t().contiguous();
  }
  auto norm = from.take("model.norm.weight", {shape.hidden_size});
  if (!norm)
    return norm.error();
  final_norm = *norm;
  for (int64_t i = 0; i < shape.layers; ++i)
    if (auto ok = take_layer(from, i); !ok)
      return ok;
  return {};
}

runtime::result<void> torch_llama::impl::take_layer(const torch_weights& from,
                                                    int64_t index) {
  auto prefix = "model.layers." + std::to_string(index) + ".";
  runtime::result<void> outcome;
  auto take = [&](const char* name, std::vector<int64_t> size) {
    auto t = from.take(prefix + name + ".weight", size);
    if (!t && outcome)
      outcome = t.error();
    return t ? *t : at::Tensor{};
  };
  auto hidden = shape.hidden_size;
  auto q = take("self_attn.q_proj", {shape.query_size(), hidden});
  auto k = take("self_attn.k_proj", {shape.kv_size(), hidden});
  auto v = take("self_attn.v_proj", {shape.kv_size(), hidden});
  auto o = take("self_attn.o_proj", {hidden, shape.query_size()});
  auto gate = take("mlp.gate_proj", {shape.intermediate_size, hidden});
  auto up = take("mlp.up_proj", {shape.intermediate_size, hidden});
  auto down = take("mlp.down_proj", {hidden, shape.intermediate_size});
  layer l;
  l.attention_norm = take("input_layernorm", {hidden});
  l.mlp_norm = take("post_attention_layernorm", {hidden});
  if (!outcome)
    return outcome;
  l.qkv = at::cat({q, k, v}).t().contiguous();
  l.out = o.t().contiguous();
  l.gate_up = at::cat({gate, up}).t().contiguous();
  l.down = down.t().contiguous();
  layers.push_back(std::move(l));
  return {};
}

void torch_llama::impl::prepare() {
  auto half = shape.head_size / 2;
  auto positions = static_cast<int64_t>(bounds.context_length);
  cosine = at::empty({positions, half});
  sine = at::empty({positions, half});
  for (int64_t i = 0; i < half; ++i) {
    double frequency =
      std::pow(shape.rope_theta, -2.0 * static_cast<double>(i)
                                   / static_cast<double>(shape.head_size));
    for (int64_t p = 0; p < positions; ++p) {
      double angle = static_cast<double>(p) * frequency;
      cosine.data_ptr<float>()[p * half + i] =
        static_cast<float>(std::cos(angle));
      sine.data_ptr<float>()[p * half + i] =
        static_cast<float>(std::sin(angle));
    }
  }
  auto rows = static_cast<int64_t>(std::max(bounds.rows_max, bounds.slots));
  auto buffer = [&](int64_t width) { return at::zeros({rows, width}); };
  b.x = buffer(shape.hidden_size);
  b.normed = buffer(shape.hidden_size);
  b.qkv = buffer(shape.query_size() + 2 * shape.kv_size());
  b.mixed = buffer(shape.query_size());
  b.added = buffer(shape.hidden_size);
  b.gate_up = buffer(2 * shape.intermediate_size);
  b.gated = buffer(shape.intermediate_size);
  b.logits =
    at::zeros({static_cast<int64_t>(bounds.slots), shape.vocabulary_size});
}

void torch_llama::impl::attention(const layer& l, size_t index,
                                  std::span<const decoder_row> rows) {
  auto count = static_cast<int64_t>(rows.size());
  auto qkv = b.qkv.narrow(0, 0, count);
  at::mm_out(qkv, b.normed.narrow(0, 0, count), l.qkv);
  auto size = static_cast<size_t>(shape.head_size);
  auto heads = static_cast<size_t>(shape.heads);
  auto kv_heads = static_cast<size_t>(shape.kv_heads);
  for (size_t r = 0; r < rows.size(); ++r) {
    auto mixed = row_of(b.mixed, r);
    if (rows[r].slot == decoder_row::idle) {
      std::fill(mixed.begin(), mixed.end(), 0.0f);
      continue;
    }
    auto slot = static_cast<size_t>(rows[r].slot);
    auto position = size_t{rows[r].position};
    auto parts = row_of(b.qkv, r);
    auto c = row_of(cosine, position);
    auto s = row_of(sine, position);
    for (size_t h = 0; h < heads + kv_heads; ++h)
      rotate_half(parts.subspan(h * size, size), c, s);
    for (size_t h = 0; h < kv_heads; ++h) {
      auto key = parts.subspan((heads + h) * size, size);
      auto value = parts.subspan((heads + kv_heads + h) * size, size);
      std::copy(key.begin(), key.end(),
                cache.keys(index, slot, h) + position * size);
      std::copy(value.begin(), value.end(),
                cache.values(index, slot, h) + position * size);
    }
    auto group = heads / kv_heads;
    for (size_t h = 0; h < heads; ++h)
      attend({parts.subspan(h * size, size), cache.keys(index, slot, h / group),
              cache.values(index, slot, h / group), position + 1},
             scores, mixed.subspan(h * size, size));
  }
  auto added = b.added.narrow(0, 0, count);
  at::mm_out(added, b.mixed.narrow(0, 0, count), l.out);
}

void torch_llama::impl::mlp(const layer& l, size_t rows) {
  auto count = static_cast<int64_t>(rows);
  auto gate_up = b.gate_up.narrow(0, 0, count);
  at::mm_out(gate_up, b.normed.narrow(0, 0, count), l.gate_up);
  auto width = static_cast<size_t>(shape.intermediate_size);
  for (size_t r = 0; r < rows; ++r) {
    auto both = row_of(b.gate_up, r);
    swiglu(both.first(width), both.subspan(width));
    std::copy_n(both.begin(), width, row_of(b.gated, r).begin());
  }
  auto added = b.added.narrow(0, 0, count);
  at::mm_out(added, b.gated.narrow(0, 0, count), l.down);
}

std::span<const float> torch_llama::forward(std::span<const decoder_row> rows,
                                            size_t logits_from) {
  c10::InferenceMode inference;
  auto& m = *impl_;
  auto epsilon = static_cast<float>(m.shape.norm_epsilon);
  TROUPE_ASSERT(rows.size() <= static_cast<size_t>(m.b.x.size(0)));
  TROUPE_ASSERT(rows.size() - logits_from <= m.bounds.slots);
  for (size_t r = 0; r < rows.size(); ++r) {
    auto from = row_of(m.embedding, static_cast<size_t>(rows[r].token));
    std::copy(from.begin(), from.end(), row_of(m.b.x, r).begin());
  }
  auto normalise = [&](const at::Tensor& weight) {
    for (size_t r = 0; r < rows.size(); ++r)
      rms_norm(row_of(m.b.x, r), all_of(weight), epsilon,
               row_of(m.b.normed, r));
  };
  auto width = rows.size() * static_cast<size_t>(m.shape.hidden_size);
  auto stream = [&](const at::Tensor& t) {
    return std::span{t.data_ptr<float>(), width};
  };
  for (size_t i = 0; i < m.layers.size(); ++i) {
    const auto& l = m.layers[i];
    normalise(l.attention_norm);
    m.attention(l, i, rows);
    add(stream(m.b.x), stream(m.b.added));
    normalise(l.mlp_norm);
    m.mlp(l, rows.size());
    add(stream(m.b.x), stream(m.b.added));
  }
  auto wanted = static_cast<int64_t>(rows.size() - logits_from);
  if (wanted == 0)
    return {};
  normalise(m.final_norm);
  auto logits = m.b.logits.narrow(0, 0, wanted);
  at::mm_out(logits,
             m.b.normed.narrow(0, static_cast<int64_t>(logits_from), wanted),
             m.head);
  return {logits.data_ptr<float>(), static_cast<size_t>(logits.numel())};
}

void set_torch_threads(uint32_t threads) {
  at::set_num_threads(static_cast<int>(threads));
  if (void* symbol = dlsym(RTLD_DEFAULT, "openblas_set_num_threads")) {
    using setter = void (*)(int);
    reinterpret_cast<setter>(symbol)(static_cast<int>(threads));
  }
}

} // namespace troupe::models
