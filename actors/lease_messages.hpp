// The road of a lease: a dispatcher orders it from a shard, the shard's job takes
// it to a worker, where it may wait for a slot. Part of messages.hpp.
#pragma once

#include "actors/node_local.hpp"
#include "actors/type_ids.hpp"
#include "runtime/overload/breaker.hpp"
#include "runtime/scheduling/announced_head.hpp"
#include "runtime/scheduling/tenant_gate.hpp"

#include <string>
#include <vector>

namespace troupe::actors {

struct lease_request {
  runtime::job_id job;
  uint32_t after_attempt = 0;
  std::string tenant;
  std::string worker;
  runtime::order_stamp stamp;
  bool continues_prefix = false;
  runtime::call_ticket ticket{};
  runtime::gate_reading gate;
};
/// Answered by `lease_answer`.
struct lease_jobs {
  std::string model;
  uint64_t generation = 0; ///< Of the dispatcher.
  std::vector<lease_request> requests;
};

/// Where an attempt is at its worker.
enum class attempt_place : uint8_t {
  same = 0, ///< As said before; on a slot unless said otherwise.
  in_line,  ///< It waits for a slot.
  on_slot,  ///< It waited, and runs.
  parked    ///< It left its slot, and waits for it or another.
};

// clang-format off
template <> inline constexpr bool is_node_local<lease_jobs> = true;
// clang-format on

} // namespace troupe::actors
