// What a worker keeps of an attempt: on a slot, parked, or waiting for a slot.
#pragma once

#include "actors/job.hpp"
#include "models/engine.hpp"
#include "runtime/overload/breaker.hpp"

#include <optional>

namespace troupe::actors {

struct slot_run {
  job_actor job;
  runtime::mono_time since;
  runtime::call_ticket ticket{};
  int64_t key = 0;                            ///< Of its job.
  std::optional<runtime::duration> arrived{}; ///< After its order.
  std::optional<runtime::duration> first_token{};
  runtime::duration before{0}; ///< On slots that it left.
  runtime::duration ran(runtime::mono_time now) const {
    return before + (now - since);
  }
};
struct waiting_run {
  slot_run run;
  models::attempt_request request;
};

} // namespace troupe::actors
