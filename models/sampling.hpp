// From logits to the next token. Pure: the same logits, parameters, seed and
// position give the same token on every machine.
#pragma once

#include "models/tokenizer.hpp"

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace troupe::models {

struct sampling_params {
  double temperature = 1.0; ///< 0..2; 0 = greedy.
  uint32_t top_k = 0;       ///< 0 = off.
  double top_p = 1.0;       ///< 0..1; always keeps the likeliest token.
  double presence_penalty = 0.0;
  double frequency_penalty = 0.0;
  uint64_t seed = 0;
};

/// Uniform in [0, 1): a function of both arguments alone (splitmix64), so that
/// a continued text draws what the unbroken one would have drawn.
double uniform_at(uint64_t seed, uint64_t position) noexcept;

/// Chooses for one text. Reuses its buffers; one per slot.
class sampler {
public:
  explicit sampler(sampling_params params);

  /// Counts a token of the output, for the penalties.
  void note(token_id id);

  /// `logits` has one entry per token; those that are not finite are never
  /// chosen. `position` counts output tokens from the first attempt's first.
  /// Ties go to the smaller id. -1 if no entry is finite.
  token_id choose(std::span<const float> logits, uint64_t position);

private:
  token_id draw(double u);

  sampling_params params_;
  std::unordered_map<token_id, uint32_t> counts_;
  struct entry {
    float logit;
    token_id id;
  };
  std::vector<entry> entries_;
  std::vector<float> adjusted_;
};

} // namespace troupe::models
