// A node without HTTP for `./dev bench leases`: the real supervision tree, shards,
// jobs, dispatcher and workers on two CAF threads, with a simulated model that
// takes no time. Jobs are queued while the engines are still "loading"; then the
// gate opens.
#pragma once

#include <cstdint>
#include <string>

namespace troupe::bench {

/// Where jobs are kept.
enum class lease_store : uint8_t {
  ephemeral, ///< Jobs that ask for no durability.
  memory,    ///< Durable ones, in a store without a disk.
  disk       ///< Durable ones, in RocksDB with fsync.
};

struct lease_plan {
  lease_store store = lease_store::ephemeral;
  std::string dir; ///< For `disk`.
  uint64_t jobs = 100'000;
  uint32_t workers = 4;
  uint32_t slots = 256; ///< Of each worker.
  uint32_t tenants = 1;
  double service_s = 0;
  uint64_t seed = 1;
};

struct lease_result {
  double fill_s = 0;
  double drain_s = 0;      ///< From the gate's opening to the last job's end.
  double leases = 0;       ///< Granted, by troupe_sched_leases_total.
  double lease_mean_s = 0; ///< troupe_sched_lease_seconds: order to answer.
  double ahead = 0;        ///< troupe_sched_ahead, as seen last.
  double cpu_s = 0;        ///< Of the process, all threads, while draining.
  double per_second(uint64_t jobs) const {
    return static_cast<double>(jobs) / drain_s;
  }
};

/// Throws std::runtime_error when jobs are refused or do not end in ten minutes.
lease_result run_leases(const lease_plan& plan);

} // namespace troupe::bench
