#include "runtime/rng.hpp"

#include <bit>

namespace troupe::runtime {
namespace {

// Sebastiano Vigna's splitmix64 (public domain): fills a state from one word.
uint64_t splitmix64(uint64_t& x) noexcept {
  x += 0x9E3779B97F4A7C15u;
  auto z = x;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

} // namespace

seeded_rng::seeded_rng(uint64_t seed) noexcept {
  for (auto& word : state_)
    word = splitmix64(seed);
}

uint64_t seeded_rng::next() noexcept {
  auto answer = std::rotl(state_[1] * 5, 7) * 9;
  auto t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return answer;
}

uint64_t entropy_seed() {
  std::random_device device; // tidy: seams: this is the entropy seam
  return (uint64_t{device()} << 32) | device();
}

} // namespace troupe::runtime
