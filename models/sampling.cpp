#include "models/sampling.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::models {

namespace {

uint64_t splitmix(uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

token_id likeliest(std::span<const float> logits) {
  token_id best = -1;
  float most = 0;
  for (size_t i = 0; i < logits.size(); ++i)
    if (std::isfinite(logits[i]) && (best < 0 || logits[i] > most)) {
      most = logits[i];
      best = static_cast<token_id>(i);
    }
  return best;
}

} // namespace

double uniform_at(uint64_t seed, uint64_t position) noexcept {
  return static_cast<double>(splitmix(splitmix(seed) ^ splitmix(~position))
                             >> 11)
         * 0x1.0p-53;
}

sampler::sampler(sampling_params params) : params_(params) {}

void sampler::note(token_id id) {
  if (params_.presence_penalty != 0.0 || params_.frequency_penalty != 0.0)
    ++counts_[id];
}

token_id sampler::choose(std::span<const float> logits, uint64_t position) {
  if (!counts_.empty()) {
    adjusted_.assign(logits.begin(), logits.end());
    for (auto [id, count] : counts_)
      adjusted_[static_cast<size_t>(id)] -= static_cast<float>(
        params_.presence_penalty + params_.frequency_penalty * count);
    logits = adjusted_;
  }
  if (params_.temperature == 0.0 || params_.top_k == 1)
    return likeliest(logits);
  entries_.clear();
  for (size_t i = 0; i < logits.size(); ++i)
    if (std::isfinite(logits[i]))
      entries_.push_back({logits[i], static_cast<token_id>(i)});
  if (entries_.empty())
    return -1;
  // The whole order only where it matters, since vocabularies are large.
  auto likelier = [](const entry& a, const entry& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  if (params_.top_k != 0 && params_.top_k < entries_.size()) {
    auto cut = entries_.begin() + static_cast<ptrdiff_t>(params_.top_k);
    std::nth_element(entries_.begin(), cut, entries_.end(), likelier);
    entries_.erase(cut, entries_.end());
  }
  std::sort(entries_.begin(), entries_.end(), likelier);
  return draw(uniform_at(params_.seed, position));
}

token_id sampler::draw(double u) {
  auto weight = [&](const entry& e) {
    return std::exp((static_cast<double>(e.logit) - entries_.front().logit)
                    / params_.temperature);
  };
  double sum = 0;
  for (const auto& e : entries_)
    sum += weight(e);
  // The shortest run of likeliest tokens with at least top_p of the weight.
  double kept = 0;
  size_t count = 0;
  while (count < entries_.size() && (count == 0 || kept < params_.top_p * sum))
    kept += weight(entries_[count++]);
  double left = u * kept;
  for (size_t i = 0; i < count; ++i) {
    left -= weight(entries_[i]);
    if (left < 0)
      return entries_[i].id;
  }
  return entries_[count - 1].id;
}

} // namespace troupe::models
