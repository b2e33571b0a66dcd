// What supervisors say.
#pragma once

#include "actors/node_local.hpp"
#include "actors/type_ids.hpp"

#include <cstdint>
#include <string>

namespace troupe::actors {

/// A supervisor tells its listener that a child went down.
struct child_notice {
  std::string child;
  uint64_t generation = 0;
};
/// The root's order to end everything, children in reverse order.
struct stop_children {};

// clang-format off
template <> inline constexpr bool is_node_local<child_notice> = true;
template <> inline constexpr bool is_node_local<stop_children> = true;
// clang-format on

} // namespace troupe::actors
