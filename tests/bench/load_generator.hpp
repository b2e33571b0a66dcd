// Sends job submissions over N keep-alive connections from one thread. Closed
// loop: each connection sends when its answer came. Open loop: sends at a fixed
// rate whatever the answers do, and counts latency from the intended moment, so
// that a stalled server cannot hide its stall (coordinated omission).
#pragma once

#include "tests/bench/histogram.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::bench {

struct load_plan {
  uint16_t port = 0;
  uint32_t connections = 1;  ///< 1..4096.
  double rate_per_s = 0.0;   ///< 0 = closed loop.
  double warmup_s = 0.5;     ///< Sent, but not counted.
  double duration_s = 5.0;   ///< Counted.
  uint64_t requests_max = 0; ///< Stop after so many answers; 0 = no limit.
  int expected_status = 202; ///< Anything else is an error.
  std::vector<std::string> requests; ///< Whole requests, sent in turn.
};

struct load_result {
  histogram latency; ///< Of the expected answers in the counted time.
  uint64_t ok = 0;
  uint64_t errors = 0;              ///< Wrong status, broken or unanswered.
  std::map<int, uint64_t> statuses; ///< 0 = connection broke.
  double seconds = 0.0;             ///< Counted time.
  std::string first_error;

  double per_second() const {
    return seconds > 0 ? static_cast<double>(ok) / seconds : 0.0;
  }
};

/// Each 202's JSON body, in order of arrival (set-up of other benches).
using on_body = std::function<void(std::string_view body)>;

load_result run_load(const load_plan& plan, const on_body& each = {});

/// `count` POST /v1/jobs requests for `model`, each with a JSON body of exactly
/// `body_bytes` bytes (>= 128) that differs from the others; `simulate` is
/// the value of params.simulate or empty.
std::vector<std::string> job_requests(uint64_t seed, size_t count,
                                      std::string_view model, size_t body_bytes,
                                      std::string_view simulate = {});

/// The first value of string member `key` in flat JSON text; empty if absent.
/// Good enough for the answers of servers under test.
std::string_view json_string(std::string_view json, std::string_view key);

} // namespace troupe::bench
