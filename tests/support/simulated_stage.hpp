// A simulated engine that is ready, with its driver, on virtual time.
#pragma once

#include "models/simulated_engine.hpp"
#include "tests/support/engine_driver.hpp"

namespace troupe::tests {

inline models::simulated_config constant(double seconds, uint32_t tokens) {
  return {.service = models::service_kind::constant,
          .median_s = seconds,
          .tokens = tokens};
}

/// An engine that is ready and its driver.
struct simulated_stage {
  explicit simulated_stage(models::simulated_config config = constant(1.0, 20))
    : engine{config}, driver{engine} {
    engine.start([this] { ++wakes; });
    driver.poll();
  }
  attempt_story& story(const models::attempt_request& request) {
    return driver.attempts[request.id];
  }
  int wakes = 0;
  models::simulated_engine engine;
  engine_driver driver;
};

inline models::attempt_request scripted(uint64_t n,
                                        runtime::simulate_params script) {
  auto request = make_attempt(n);
  request.simulate = script;
  return request;
}

} // namespace troupe::tests
