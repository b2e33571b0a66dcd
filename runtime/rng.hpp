// The one source of randomness: ids, jitter, sampling of probes. Production
// seeds it from the operating system, a simulation from its seed.
#pragma once

#include <cstdint>
#include <random>

namespace troupe::runtime {

class rng {
public:
  virtual ~rng() = default;
  /// 64 uniform bits.
  virtual uint64_t next() noexcept = 0;
  /// Uniform in [0, 1).
  double unit() noexcept {
    return static_cast<double>(next() >> 11) * 0x1.0p-53;
  }
  /// Uniform in [0, bound); 0 when `bound` is 0. The bias is below 2^-32 for
  /// bounds below 2^32.
  uint64_t below(uint64_t bound) noexcept {
    return bound == 0 ? 0 : next() % bound;
  }
};

/// Deterministic: the same seed gives the same bits on every machine
/// (xoshiro256**, Blackman and Vigna 2018, seeded through splitmix64). Not
/// thread-safe: one per thread or actor.
class seeded_rng final : public rng {
public:
  explicit seeded_rng(uint64_t seed) noexcept;
  uint64_t next() noexcept override;

private:
  uint64_t state_[4];
};

/// A seed from the operating system's entropy.
uint64_t entropy_seed();

} // namespace troupe::runtime
