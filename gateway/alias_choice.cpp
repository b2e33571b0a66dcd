#include "gateway/alias_choice.hpp"

#include <algorithm>

namespace troupe::gateway {
namespace {

constexpr size_t fallbacks_max = 4;

/// The alias's models that are configured, as the policy sees them.
std::vector<runtime::alias_model> seen_of(const std::vector<std::string>& names,
                                          std::span<const model_info> models) {
  std::vector<runtime::alias_model> seen;
  for (const auto& name : names) {
    auto at = std::find_if(models.begin(), models.end(),
                           [&](const auto& x) { return x.name == name; });
    if (at == models.end())
      seen.push_back({.served = false});
    else
      seen.push_back(
        {.kind = at->purpose, .loaded = at->loaded, .served = at->ready});
  }
  return seen;
}

} // namespace

void choose_of_alias(field_reader& body, std::span<const model_info> models,
                     std::span<const alias_info> aliases,
                     runtime::job_spec& spec) {
  auto word = body.choice("intent", {"fast", "accurate", "explore"});
  auto alias = std::find_if(aliases.begin(), aliases.end(), [&](const auto& x) {
    return x.name == spec.model;
  });
  if (alias == aliases.end()) {
    if (word)
      body.wrong("intent", "only for an alias: a model is the only one of its "
                           "name");
    return;
  }
  auto intent = word ? runtime::intent_from_string(*word) : std::nullopt;
  spec.alias = alias->name;
  spec.intent = intent.value_or(alias->intent);
  auto chosen =
    runtime::allowed_models(*spec.intent, seen_of(alias->models, models));
  if (chosen.empty())
    return;
  spec.model = alias->models[chosen.front()];
  if (spec.fallbacks)
    return;
  spec.fallbacks.emplace();
  for (size_t i = 1; i < chosen.size() && i <= fallbacks_max; ++i)
    spec.fallbacks->push_back(alias->models[chosen[i]]);
}

void write_alias(json_writer& json, const runtime::job_record& record) {
  if (record.alias.empty())
    json.null("alias");
  else
    json.text("alias", record.alias);
  if (record.intent)
    json.text("intent", to_string(*record.intent));
  else
    json.null("intent");
}

void write_aliases(json_writer& json, std::span<const alias_info> aliases,
                   const std::string& model) {
  json.key("aliases");
  json.begin_array();
  for (const auto& x : aliases)
    if (std::find(x.models.begin(), x.models.end(), model) != x.models.end())
      json.text(x.name);
  json.end_array();
}

} // namespace troupe::gateway
