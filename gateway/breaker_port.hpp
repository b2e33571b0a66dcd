// What the admin API asks of the node's circuit breakers. Reading is from the
// node's board; orders are one-way, answered at the sink named by `reply`.
// actor_port.cpp implements it over CAF.
#pragma once

#include "runtime/client_sink.hpp"

#include <string>
#include <vector>

namespace troupe::gateway {

struct breaker_info {
  std::string target; ///< The configured model.
  runtime::breaker_line line;
};

/// Held open or closed, for so long.
struct breaker_order {
  runtime::breaker_state state = runtime::breaker_state::open;
  runtime::duration ttl{0};
  std::string reason;
};

/// Thread-safe.
class breaker_port {
public:
  virtual ~breaker_port() = default;
  /// One for each configured model, by name.
  virtual std::vector<breaker_info> breakers() const = 0;
  /// `breaker_answer` once it is in force, or `refused`.
  virtual void force(const std::string& target, breaker_order order,
                     runtime::sink_ref reply) = 0;
  virtual void reset(const std::string& target, std::string reason,
                     runtime::sink_ref reply) = 0;
};

} // namespace troupe::gateway
