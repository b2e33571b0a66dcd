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
/// Start a dormant child. Idempotent.
struct wake_child {
  std::string child;
};
/// Stop a child and do not start it again before `wake_child`. Once it is down
/// the sender gets `child_rested` for every further `rest_child`.
struct rest_child {
  std::string child;
};
struct child_rested {
  std::string child;
};

// clang-format off
template <> inline constexpr bool is_node_local<child_notice> = true;
template <> inline constexpr bool is_node_local<stop_children> = true;
template <> inline constexpr bool is_node_local<wake_child> = true;
template <> inline constexpr bool is_node_local<rest_child> = true;
template <> inline constexpr bool is_node_local<child_rested> = true;
// clang-format on

} // namespace troupe::actors
