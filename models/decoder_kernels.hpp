// The parts of a decoder step that are not matrix products, on plain float
// rows. Each row's result depends on that row alone, in a fixed order of
// operations, whatever else is in the batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe::models {

/// into[i] = x[i] / rms(x) * weight[i]. All of the same size; `into` may be `x`.
void rms_norm(std::span<const float> x, std::span<const float> weight,
              float epsilon, std::span<float> into) noexcept;

/// Rotates one head in place: element i with i + size / 2, by the angle whose
/// cosine and sine are given (RoPE in Hugging Face's layout).
void rotate_half(std::span<float> head, std::span<const float> cosine,
                 std::span<const float> sine) noexcept;

/// gate[i] = silu(gate[i]) * up[i].
void swiglu(std::span<float> gate, std::span<const float> up) noexcept;

/// x[i] += y[i].
void add(std::span<float> x, std::span<const float> y) noexcept;

/// One query head over `positions` keys and values that lie one after another,
/// `query.size()` floats each. `scores` is scratch of at least `positions`.
struct attention_input {
  std::span<const float> query;
  const float* keys = nullptr;
  const float* values = nullptr;
  size_t positions = 0; ///< At least 1.
};
void attend(const attention_input& in, std::span<float> scores,
            std::span<float> into) noexcept;

} // namespace troupe::models
