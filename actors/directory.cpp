#include "actors/directory.hpp"

#include <charconv>
#include <optional>

namespace troupe::actors {
namespace {

constexpr std::string_view shard_prefix = "shard/";

std::optional<size_t> shard_number(std::string_view name) {
  if (!name.starts_with(shard_prefix))
    return std::nullopt;
  auto digits = name.substr(shard_prefix.size());
  size_t number = 0;
  auto [end, ec] =
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (ec != std::errc{} || end != digits.data() + digits.size())
    return std::nullopt;
  return number;
}

} // namespace

void directory::put(const std::string& name, caf::strong_actor_ptr actor,
                    uint64_t generation) {
  tables_.with([&](tables& t) {
    if (auto k = shard_number(name)) {
      if (t.shards.size() <= *k)
        t.shards.resize(*k + 1);
      t.shards[*k] = actor;
    }
    t.names[name] = {std::move(actor), generation};
  });
}

void directory::drop(const std::string& name, uint64_t generation) {
  tables_.with([&](tables& t) {
    auto it = t.names.find(name);
    if (it == t.names.end() || it->second.generation > generation)
      return;
    it->second.actor = nullptr;
    if (auto k = shard_number(name); k && *k < t.shards.size())
      t.shards[*k] = nullptr;
  });
}

void directory::clear() {
  tables old;
  tables_.with([&](tables& t) { std::swap(t, old); });
}

uint64_t directory::generation(std::string_view name) const {
  return tables_.with([&](const tables& t) {
    auto it = t.names.find(name);
    return it == t.names.end() ? uint64_t{0} : it->second.generation;
  });
}

std::string directory::shard_name(runtime::shard_id id) {
  return std::string{shard_prefix} + std::to_string(id.value);
}

std::string directory::dispatcher_name(std::string_view model) {
  return "dispatcher/" + std::string{model};
}

std::string directory::breaker_name(std::string_view model) {
  return "breaker/" + std::string{model};
}

std::string directory::worker_name(std::string_view model, size_t index) {
  return "worker/" + std::string{model} + "/" + std::to_string(index);
}

std::string directory::allocator_name(std::string_view pool) {
  return "allocator/" + std::string{pool};
}

std::string directory::reader_name(size_t index) {
  return "reader/" + std::to_string(index);
}

caf::strong_actor_ptr directory::lookup(std::string_view name) const {
  return tables_.with([&](const tables& t) -> caf::strong_actor_ptr {
    auto it = t.names.find(name);
    return it == t.names.end() ? nullptr : it->second.actor;
  });
}

caf::strong_actor_ptr directory::lookup_shard(runtime::shard_id id) const {
  return tables_.with([&](const tables& t) -> caf::strong_actor_ptr {
    return id.value < t.shards.size() ? t.shards[id.value] : nullptr;
  });
}

} // namespace troupe::actors
