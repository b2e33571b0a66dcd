// Attempts that leave their slot for another and return: between a dispatcher and
// its workers. Part of messages.hpp.
#pragma once

#include "actors/node_local.hpp"
#include "actors/type_ids.hpp"
#include "runtime/clock.hpp"
#include "runtime/ids.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace troupe::actors {

/// Dispatcher to worker: park it at the next step. Answered by `attempt_parked`
/// unless it ends first.
struct preempt_attempt {
  runtime::attempt_id id;
  bool keep_cache = false;
};
/// Dispatcher to worker: a slot is free for it. Answered by `attempt_parked` if
/// there is none after all.
struct resume_attempt {
  runtime::attempt_id id;
};
/// Worker to dispatcher: it has no slot now.
struct attempt_parked {
  std::string worker;
  runtime::attempt_id id;
  int64_t key = 0;
  std::optional<runtime::attempt_id> next{}; ///< Waited, and has the slot now.
};

// clang-format off
template <> inline constexpr bool is_node_local<preempt_attempt> = true;
template <> inline constexpr bool is_node_local<resume_attempt> = true;
template <> inline constexpr bool is_node_local<attempt_parked> = true;
// clang-format on

} // namespace troupe::actors
