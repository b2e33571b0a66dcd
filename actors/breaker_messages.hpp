// What is said to and by a model's circuit breaker.
#pragma once

#include "actors/node_local.hpp"
#include "actors/type_ids.hpp"
#include "runtime/client_sink.hpp"
#include "runtime/overload/lease_permits.hpp"

#include <cstdint>
#include <string>

namespace troupe::actors {

// --- to circuit_breaker -------------------------------------------------------

/// The dispatcher has so many jobs that could run. Answered by
/// `breaker_changed`.
struct ask_permits {
  uint32_t wanted = 0;
};
/// What became of a call, or of a permit that was not used.
struct call_ended {
  runtime::call_outcome outcome;
};
/// An operator's order. Answered by `breaker_answer` once it is in force.
struct force_breaker {
  runtime::breaker_state state = runtime::breaker_state::open; ///< Or closed.
  runtime::duration ttl{0};
  std::string reason;
  runtime::sink_ref reply;
};
/// Closed as if new. Answered by `breaker_answer`.
struct reset_breaker {
  std::string reason;
  runtime::sink_ref reply;
};

// --- to dispatcher ------------------------------------------------------------

/// Answer to `ask_permits`, and whenever something changed.
struct breaker_changed {
  runtime::breaker_news news;
};

// clang-format off
template <> inline constexpr bool is_node_local<ask_permits> = true;
template <> inline constexpr bool is_node_local<call_ended> = true;
template <> inline constexpr bool is_node_local<force_breaker> = true;
template <> inline constexpr bool is_node_local<reset_breaker> = true;
template <> inline constexpr bool is_node_local<breaker_changed> = true;
// clang-format on

} // namespace troupe::actors
