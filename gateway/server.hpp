// The HTTP side of a node: its I/O threads, its two listeners, its sinks. It
// owns no jobs: a server that stops loses connections and nothing else.
#pragma once

#include "gateway/breaker_port.hpp"
#include "gateway/gateway_config.hpp"
#include "gateway/gateway_counters.hpp"
#include "gateway/job_port.hpp"
#include "gateway/tenant_port.hpp"
#include "runtime/client_sink.hpp"
#include "runtime/clock.hpp"
#include "runtime/result.hpp"

#include <functional>
#include <memory>
#include <string>

namespace troupe::gateway {

/// What the gateway is given. Everything outlives the server.
struct gateway_parts {
  job_port& jobs;
  status_port& status;
  breaker_port& breakers;
  tenant_port& tenants;
  runtime::sink_directory& sinks;
  const runtime::clock& clock;
  /// Text of GET /metrics; called on an I/O thread, must not block for long.
  std::function<std::string()> metrics_text;
};

struct bound_addresses {
  std::string gateway; ///< "127.0.0.1:40123".
  std::string admin;
};

class server {
public:
  server(gateway_config config, gateway_parts parts);
  ~server(); ///< Stops.
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// Binds both listeners, then serves on its own threads. `io_error` or
  /// `config_invalid` says which address and why; then nothing runs.
  runtime::result<bound_addresses> start();

  /// Stops accepting; new work on open connections is refused as `draining`;
  /// streams end after a whole event; idle connections close. Returns at once.
  void drain();

  /// Ends every connection and joins the threads. Idempotent.
  void stop();

  const gateway_counters& counters() const noexcept;

private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace troupe::gateway
