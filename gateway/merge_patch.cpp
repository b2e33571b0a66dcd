#include "gateway/merge_patch.hpp"

#include <utility>

namespace troupe::gateway {

namespace json = boost::json;

json::value merge_patch(json::value target, const json::value& patch) {
  const auto* changes = patch.if_object();
  if (!changes)
    return patch;
  json::object merged;
  if (auto* object = target.if_object())
    merged = std::move(*object);
  for (const auto& [key, change] : *changes) {
    if (change.is_null()) {
      merged.erase(key);
      continue;
    }
    json::value old = nullptr;
    if (auto* found = merged.if_contains(key))
      old = std::move(*found);
    merged.insert_or_assign(key, merge_patch(std::move(old), change));
  }
  return merged;
}

} // namespace troupe::gateway
