// Experiment (a) of docs/adr/0001: the accept road as a bare skeleton. Beast ->
// shard actor -> journal actor with group commit -> one post to the I/O thread,
// with the CAF settings as parameters. The ceiling's parts, plus CAF.
#pragma once

#include <cstdint>
#include <string>

namespace troupe::bench {

struct skeleton_options {
  uint16_t port = 0;
  std::string dir;                ///< For the database.
  std::string policy = "sharing"; ///< caf.scheduler.policy.
  uint32_t threads = 1;           ///< caf.scheduler.max-threads.
  uint32_t throughput = 100;      ///< caf.scheduler.max-throughput.
  std::string journal = "actor";  ///< actor (detached) or thread (own).
  std::string shard = "pooled";   ///< pooled or detached.
};

/// Serves until SIGTERM. Prints the `listening` line.
int run_skeleton_server(const skeleton_options& options);

} // namespace troupe::bench
