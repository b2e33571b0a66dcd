// When a cost model is worth keeping: each minute that it learnt something in,
// and early on whenever it knows twice of what was kept, so that a node that
// lives for seconds does not start again from nothing.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/ids.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace troupe::runtime {

/// Which shard keeps a model's costs: the same for every node and build.
shard_id home_shard(std::string_view model, uint16_t shards) noexcept;

/// Under which name; `model_of_costs` is the way back.
std::string costs_name(std::string_view model);
std::optional<std::string_view> model_of_costs(std::string_view name) noexcept;

class cost_keeper {
public:
  static constexpr duration every = std::chrono::minutes{1};
  /// Between any two.
  static constexpr duration pause = std::chrono::seconds{1};
  static constexpr uint64_t samples_min = 8;

  /// With so many samples now: when to keep it; nothing: nothing new.
  std::optional<mono_time> due(uint64_t samples, mono_time now) noexcept;
  /// It was kept with so many samples.
  void kept(uint64_t samples, mono_time now) noexcept;

private:
  uint64_t kept_samples_ = 0;
  std::optional<mono_time> kept_at_;
};

} // namespace troupe::runtime
