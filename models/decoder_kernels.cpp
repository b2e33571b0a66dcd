#include "models/decoder_kernels.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

// Compiled for the common vector units too; the loader takes the best one that
// the processor has. All rows of a run use the same.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)            \
  && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define TROUPE_MODELS_VECTORISED                                               \
  __attribute__((optimize("O3"), target_clones("arch=haswell", "default")))
#else
#define TROUPE_MODELS_VECTORISED
#endif

namespace troupe::models {

namespace {

// Partial sums that a vector unit holds side by side, so that the order of
// additions does not depend on the compiler.
constexpr size_t lanes = 16;

/// exp(x) for x <= 0, within 2 units in the last place, without branches so that
/// a loop over it vectorises (range reduction and polynomial of Cephes' expf).
inline float exp_negative(float x) noexcept {
  x = x < -87.0f ? -87.0f : x;
  auto n = static_cast<int32_t>(x * 1.44269504f - 0.5f); // rounds, as x <= 0
  auto whole = static_cast<float>(n);
  float r = x - whole * 0.693359375f + whole * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return p * std::bit_cast<float>((n + 127) << 23);
}

} // namespace

TROUPE_MODELS_VECTORISED
void rms_norm(std::span<const float> x, std::span<const float> weight,
              float epsilon, std::span<float> into) noexcept {
  const auto* from = x.data();
  const auto* by = weight.data();
  auto* out = into.data();
  auto size = x.size();
  float partial[lanes] = {};
  size_t i = 0;
  for (; i + lanes <= size; i += lanes)
    for (size_t k = 0; k < lanes; ++k)
      partial[k] += from[i + k] * from[i + k];
  float sum = 0;
  for (; i < size; ++i)
    sum += from[i] * from[i];
  for (auto p : partial)
    sum += p;
  float scale = 1.0f / std::sqrt(sum / static_cast<float>(size) + epsilon);
  for (i = 0; i < size; ++i)
    out[i] = from[i] * scale * by[i];
}

TROUPE_MODELS_VECTORISED
void rotate_half(std::span<float> head, std::span<const float> cosine,
                 std::span<const float> sine) noexcept {
  auto half = head.size() / 2;
  auto* low = head.data();
  auto* high = low + half;
  const auto* c = cosine.data();
  const auto* s = sine.data();
  for (size_t i = 0; i < half; ++i) {
    float a = low[i];
    float b = high[i];
    low[i] = a * c[i] - b * s[i];
    high[i] = b * c[i] + a * s[i];
  }
}

TROUPE_MODELS_VECTORISED
void swiglu(std::span<float> gate, std::span<const float> up) noexcept {
  auto* g = gate.data();
  const auto* u = up.data();
  for (size_t i = 0; i < gate.size(); ++i) {
    float e = exp_negative(-std::fabs(g[i]));
    float up_side = g[i] >= 0 ? 1.0f : e;
    g[i] = g[i] * (up_side / (1.0f + e)) * u[i];
  }
}

TROUPE_MODELS_VECTORISED
void add(std::span<float> x, std::span<const float> y) noexcept {
  auto* to = x.data();
  const auto* from = y.data();
  for (size_t i = 0; i < x.size(); ++i)
    to[i] += from[i];
}

TROUPE_MODELS_VECTORISED
void attend(const attention_input& in, std::span<float> scores,
            std::span<float> into) noexcept {
  auto size = in.query.size();
  const auto* query = in.query.data();
  auto* score = scores.data();
  float scale = 1.0f / std::sqrt(static_cast<float>(size));
  float most = -INFINITY;
  for (size_t p = 0; p < in.positions; ++p) {
    const auto* key = in.keys + p * size;
    float partial[lanes] = {};
    size_t i = 0;
    for (; i + lanes <= size; i += lanes)
      for (size_t k = 0; k < lanes; ++k)
        partial[k] += query[i + k] * key[i + k];
    float sum = 0;
    for (; i < size; ++i)
      sum += query[i] * key[i];
    for (auto part : partial)
      sum += part;
    score[p] = sum * scale;
    most = std::max(most, score[p]);
  }
  auto* out = into.data();
  std::fill_n(out, size, 0.0f);
  for (size_t p = 0; p < in.positions; ++p)
    score[p] = exp_negative(score[p] - most);
  float total = 0;
  for (size_t p = 0; p < in.positions; ++p) {
    float weight = score[p];
    total += weight;
    const auto* value = in.values + p * size;
    for (size_t i = 0; i < size; ++i)
      out[i] += weight * value[i];
  }
  for (size_t i = 0; i < size; ++i)
    out[i] /= total;
}

} // namespace troupe::models
