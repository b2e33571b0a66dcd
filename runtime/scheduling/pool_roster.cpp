#include "runtime/scheduling/pool_roster.hpp"

#include <algorithm>

namespace troupe::runtime {

std::string_view to_string(slot_phase phase) noexcept {
  switch (phase) {
    case slot_phase::idle:
      return "idle";
    case slot_phase::loading:
      return "loading";
    case slot_phase::serving:
      return "serving";
    case slot_phase::draining:
      return "draining";
    case slot_phase::yielding:
      return "yielding";
    case slot_phase::resting:
      return "resting";
  }
  return "unknown";
}

std::vector<std::string> deal_workers(size_t workers,
                                      const std::vector<pool_share>& models) {
  std::vector<std::string> dealt;
  std::vector<uint32_t> has(models.size());
  auto give = [&](size_t i) {
    dealt.push_back(models[i].model);
    ++has[i];
  };
  for (size_t i = 0; i < models.size(); ++i)
    while (has[i] < models[i].workers_min && dealt.size() < workers)
      give(i);
  while (dealt.size() < workers) {
    auto best = models.size();
    for (size_t i = 0; i < models.size(); ++i) {
      auto most = models[i].workers_max;
      bool full = models[i].waits || (most != 0 && has[i] >= most);
      if (!full && (best == models.size() || has[i] < has[best]))
        best = i;
    }
    if (best == models.size())
      break;
    give(best);
  }
  dealt.resize(workers);
  return dealt;
}

pool_roster::pool_roster(const std::vector<std::string>& models)
  : size_{models.size()} {
  slots_.with([&](auto& slots) {
    for (const auto& model : models)
      slots.push_back(
        {.phase = model.empty() ? slot_phase::idle : slot_phase::loading,
         .model = model});
  });
}

pool_slot pool_roster::at(size_t slot) const {
  return slots_.with([&](const auto& slots) { return slots.at(slot); });
}

void pool_roster::set(size_t slot, const pool_slot& value) {
  slots_.with([&](auto& slots) { slots.at(slot) = value; });
}

bool pool_roster::awake(std::string_view model, size_t slot) const {
  return slots_.with([&](const auto& slots) {
    const auto& s = slots.at(slot);
    return s.model == model && s.phase != slot_phase::resting
           && s.phase != slot_phase::idle;
  });
}

} // namespace troupe::runtime
