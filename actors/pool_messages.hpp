// How the allocator of a pool talks with dispatchers and workers. Part of
// messages.hpp.
#pragma once

#include "actors/node_local.hpp"
#include "actors/type_ids.hpp"

#include <cstdint>
#include <string>

namespace troupe::actors {

/// Allocator to dispatcher: lease nothing more to the worker. Idempotent;
/// answered by `worker_retired` if the dispatcher knows the worker.
struct retire_worker {
  std::string worker;
};
struct worker_retired {
  std::string worker;
  uint64_t running = 0; ///< Attempts on it, or on their way to it.
};
/// Allocator to worker: give everything that runs back to the queue, and take
/// nothing more.
struct yield_attempts {};

// clang-format off
template <> inline constexpr bool is_node_local<retire_worker> = true;
template <> inline constexpr bool is_node_local<worker_retired> = true;
template <> inline constexpr bool is_node_local<yield_attempts> = true;
// clang-format on

} // namespace troupe::actors
