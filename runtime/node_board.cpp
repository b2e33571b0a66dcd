#include "runtime/node_board.hpp"

#include <algorithm>

namespace troupe::runtime {

void node_board::set_model(model_line line) {
  auto settings = retry_budget_.with([](const auto& x) { return x; });
  models_.with([&](auto& models) {
    auto [it, fresh] = models.try_emplace(line.name);
    if (fresh)
      it->second.retries = retry_budget{settings};
    it->second.line = std::move(line);
  });
}

std::vector<model_line> node_board::models() const {
  return models_.with([](const auto& models) {
    std::vector<model_line> lines;
    for (const auto& [name, state] : models)
      lines.push_back(state.line);
    return lines;
  });
}

void node_board::set_aliases(std::vector<alias_line> aliases) {
  aliases_.with([&](auto& x) { x = std::move(aliases); });
}

std::vector<alias_line> node_board::aliases() const {
  return aliases_.with([](const auto& x) { return x; });
}

void node_board::change_slots(const std::string& model, int64_t by,
                              uint32_t context_length, std::string trouble) {
  models_.with([&](auto& models) {
    auto it = models.find(model);
    if (it == models.end())
      return;
    auto& line = it->second.line;
    auto slots = static_cast<int64_t>(line.slots) + by;
    line.slots = static_cast<uint32_t>(slots < 0 ? 0 : slots);
    line.ready = line.slots > 0;
    line.context_length = context_length;
    line.trouble = line.ready ? std::string{} : std::move(trouble);
  });
}

void node_board::change_depths(const std::string& model, const tier_depths& by,
                               int64_t work_us) {
  models_.with([&](auto& models) {
    auto it = models.find(model);
    if (it == models.end())
      return;
    for (size_t tier = 0; tier < by.size(); ++tier)
      it->second.depths[tier] += by[tier];
    it->second.waiting_us += work_us;
  });
}

node_board::tier_depths node_board::depths(const std::string& model) const {
  return models_.with([&](const auto& models) {
    auto it = models.find(model);
    return it == models.end() ? tier_depths{} : it->second.depths;
  });
}

queue_load node_board::load(const std::string& model) const {
  return models_.with([&](const auto& models) {
    queue_load sum;
    auto it = models.find(model);
    if (it == models.end())
      return sum;
    int64_t jobs = 0;
    for (auto depth : it->second.depths)
      jobs += depth;
    // Shards report one by one: a moved job may be missing for a moment.
    sum.jobs = static_cast<uint64_t>(std::max<int64_t>(0, jobs));
    sum.work_us = std::max<int64_t>(0, it->second.waiting_us);
    return sum;
  });
}

void node_board::set_breaker(const std::string& model, breaker_line line) {
  models_.with([&](auto& models) {
    auto it = models.find(model);
    if (it == models.end())
      return;
    it->second.line.breaker = line.snapshot.state;
    it->second.breaker = std::move(line);
  });
}

breaker_line node_board::breaker(const std::string& model) const {
  return models_.with([&](const auto& models) {
    auto it = models.find(model);
    return it == models.end() ? breaker_line{} : it->second.breaker;
  });
}

void node_board::first_attempt(const std::string& model, mono_time now) {
  models_.with([&](auto& models) {
    if (auto it = models.find(model); it != models.end())
      it->second.retries.first_attempt(now);
  });
}

mono_time node_board::ask_retry(const std::string& model, mono_time now) {
  return models_.with([&](auto& models) {
    auto it = models.find(model);
    return it == models.end() ? now : it->second.retries.ask(now);
  });
}

uint64_t node_board::retries_left(const std::string& model,
                                  mono_time now) const {
  return models_.with([&](const auto& models) {
    auto it = models.find(model);
    return it == models.end() ? uint64_t{0} : it->second.retries.left(now);
  });
}

void node_board::set_demand(const std::string& model,
                            const model_demand& demand) {
  models_.with([&](auto& models) {
    auto it = models.find(model);
    if (it == models.end())
      return;
    it->second.demand = demand;
    it->second.line.loaded = demand.loaded;
  });
}

model_demand node_board::demand(const std::string& model) const {
  return models_.with([&](const auto& models) {
    auto it = models.find(model);
    return it == models.end() ? model_demand{} : it->second.demand;
  });
}

void node_board::note_load(const std::string& model, duration took) {
  models_.with([&](auto& models) {
    auto it = models.find(model);
    if (it == models.end())
      return;
    auto& longest = it->second.load_time;
    // Half as long counts as such only when it happens again.
    longest = std::max(took, (longest + took) / 2);
  });
}

duration node_board::load_time(const std::string& model) const {
  return models_.with([&](const auto& models) {
    auto it = models.find(model);
    return it == models.end() ? duration{0} : it->second.load_time;
  });
}

void node_board::set_retry_budget(const retry_budget_settings& x) {
  retry_budget_.with([&](auto& settings) { settings = x; });
}

void node_board::quarantine_input(const std::string& digest,
                                  const poison_entry& x, wall_time now) {
  poisons_known_ = poisons_.with([&](auto& list) {
    list.expire(now);
    list.add(digest, x);
    return list.size();
  });
}

std::optional<poison_entry> node_board::quarantined(const std::string& digest,
                                                    wall_time now) const {
  return poisons_.with(
    [&](const auto& list) { return list.find(digest, now); });
}

} // namespace troupe::runtime
