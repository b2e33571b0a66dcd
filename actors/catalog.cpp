#include "actors/catalog.hpp"

namespace troupe::actors {

actor_snapshot detail::catalog_line::copy() const {
  return {.id = id,
          .kind = kind,
          .name = name,
          .generation = generation,
          .state = state.load(std::memory_order_relaxed),
          .handled = handled.load(std::memory_order_relaxed)};
}

catalog_entry::catalog_entry(std::shared_ptr<detail::catalog_table> table,
                             std::shared_ptr<detail::catalog_line> line)
  : table_{std::move(table)}, line_{std::move(line)} {}

catalog_entry::~catalog_entry() {
  if (table_)
    table_->with([&](auto& lines) { lines.erase(line_->id); });
}

catalog_entry catalog::enrol(caf::weak_actor_ptr actor, const char* kind,
                             std::string name, uint64_t generation) {
  auto line = std::make_shared<detail::catalog_line>();
  auto id = actor->id();
  line->id = id;
  line->actor = std::move(actor);
  line->kind = kind;
  line->name = std::move(name);
  line->generation = generation;
  table_->with([&](auto& lines) { lines[id] = line; });
  return {table_, std::move(line)};
}

std::vector<actor_snapshot> catalog::snapshot() const {
  return table_->with([](const auto& lines) {
    std::vector<actor_snapshot> copies;
    copies.reserve(lines.size());
    for (const auto& [id, line] : lines)
      copies.push_back(line->copy());
    return copies;
  });
}

std::vector<caf::strong_actor_ptr> catalog::actors() const {
  return table_->with([](const auto& lines) {
    std::vector<caf::strong_actor_ptr> handles;
    for (const auto& [id, line] : lines)
      if (auto handle = line->actor.lock())
        handles.push_back(std::move(handle));
    return handles;
  });
}

size_t catalog::count(std::string_view kind) const {
  return table_->with([&](const auto& lines) {
    size_t n = 0;
    for (const auto& [id, line] : lines)
      n += line->kind == kind ? 1 : 0;
    return n;
  });
}

size_t catalog::size() const {
  return table_->with([](const auto& lines) { return lines.size(); });
}

} // namespace troupe::actors
