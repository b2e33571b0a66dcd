#include "runtime/config_rules.hpp"

#include <algorithm>
#include <set>
#include <string_view>

namespace troupe::runtime {
namespace {

std::string item_key(std::string_view list, size_t index,
                     std::string_view key) {
  return std::string{list} + "[" + std::to_string(index) + "]."
         + std::string{key};
}

const pool_settings* find_pool(const config& value, std::string_view name) {
  auto at = std::find_if(value.pools.begin(), value.pools.end(),
                         [&](const auto& x) { return x.name == name; });
  return at == value.pools.end() ? nullptr : &*at;
}

bool is_model(const config& value, std::string_view name) {
  return std::any_of(value.models.begin(), value.models.end(),
                     [&](const auto& x) { return x.name == name; });
}

void check_member(const config& value, size_t i, const problem_report& report) {
  const auto& m = value.models[i];
  auto wrong = [&](std::string_view key, const std::string& why) {
    report(item_key("models", i, key), why);
  };
  if (m.pool.empty()) {
    if (m.workers_min != 1)
      wrong("workers_min", "only for a model in a pool");
    if (m.workers_max != 0)
      wrong("workers_max", "only for a model in a pool");
    return;
  }
  const auto* pool = find_pool(value, m.pool);
  if (pool == nullptr)
    return wrong("pool", "no pool is called '" + m.pool + "'");
  if (m.workers != 1)
    wrong("workers",
          "a model in a pool takes the pool's workers: leave it out");
  if (m.workers_max != 0 && m.workers_max < m.workers_min)
    wrong("workers_max", "must not be below workers_min");
  auto share = value.scheduling.allocator.experimental_share_max;
  if (m.purpose == model_purpose::experimental
      && static_cast<uint32_t>(pool->workers * share) == 0)
    wrong("kind", "no worker of '" + pool->name
                    + "' would ever serve it: the part "
                      "scheduling.allocator.experimental_share_max of "
                    + std::to_string(pool->workers) + " is less than one");
}

void check_pool(const config& value, size_t i, const problem_report& report) {
  const auto& pool = value.pools[i];
  uint32_t needed = 0, models = 0, lasting = 0;
  for (const auto& m : value.models)
    if (m.pool == pool.name) {
      bool trial = m.purpose == model_purpose::experimental;
      ++models;
      lasting += trial ? 0 : 1;
      needed += trial ? 0 : m.workers_min;
    }
  if (models == 0)
    report(item_key("pools", i, "name"), "no model names this pool");
  else if (lasting == 0)
    report(item_key("pools", i, "name"),
           "all of its models are experimental, and those get only what others "
           "can spare");
  if (needed > pool.workers)
    report(item_key("pools", i, "workers"),
           "the workers_min of its models add up to " + std::to_string(needed));
}

} // namespace

void check_pools(const config& value, const problem_report& report) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < value.pools.size(); ++i) {
    const auto& name = value.pools[i].name;
    if (!name.empty() && !names.insert(name).second)
      report(item_key("pools", i, "name"),
             "another pool is called '" + name + "' already");
    check_pool(value, i, report);
  }
  for (size_t i = 0; i < value.models.size(); ++i)
    check_member(value, i, report);
}

void check_aliases(const config& value, const problem_report& report) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < value.aliases.size(); ++i) {
    const auto& alias = value.aliases[i];
    auto name_key = item_key("aliases", i, "name");
    if (is_model(value, alias.name))
      report(name_key, "a model is called '" + alias.name + "'");
    else if (!alias.name.empty() && !names.insert(alias.name).second)
      report(name_key, "another alias is called '" + alias.name + "' already");
    auto key = item_key("aliases", i, "models");
    if (alias.models.empty())
      report(key, "at least one model is needed");
    std::set<std::string_view> seen;
    for (const auto& model : alias.models) {
      if (!is_model(value, model))
        report(key, "no model is called '" + model + "'");
      if (!seen.insert(model).second)
        report(key, "'" + model + "' stands there twice");
    }
  }
}

} // namespace troupe::runtime
