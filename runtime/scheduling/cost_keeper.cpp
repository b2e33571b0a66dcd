#include "runtime/scheduling/cost_keeper.hpp"

#include <algorithm>
#include <string>

namespace troupe::runtime {
namespace {

constexpr std::string_view prefix = "cost/";

} // namespace

shard_id home_shard(std::string_view model, uint16_t shards) noexcept {
  // FNV-1a: stored data depend on it.
  uint64_t hash = 0xCBF29CE484222325;
  for (char c : model)
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  return {static_cast<uint16_t>(hash % std::max<uint16_t>(shards, 1))};
}

std::string costs_name(std::string_view model) {
  return std::string{prefix} += model;
}

std::optional<std::string_view> model_of_costs(std::string_view name) noexcept {
  if (!name.starts_with(prefix))
    return std::nullopt;
  return name.substr(prefix.size());
}

std::optional<mono_time> cost_keeper::due(uint64_t samples,
                                          mono_time now) noexcept {
  if (samples <= kept_samples_)
    return std::nullopt;
  if (!kept_at_)
    kept_at_ = now - pause; // It began to learn.
  bool much = samples >= std::max(samples_min, 2 * kept_samples_);
  return *kept_at_ + (much ? pause : every);
}

void cost_keeper::kept(uint64_t samples, mono_time now) noexcept {
  kept_samples_ = samples;
  kept_at_ = now;
}

} // namespace troupe::runtime
