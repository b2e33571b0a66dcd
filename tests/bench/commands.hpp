// The subcommands of troupe-bench. Each prints a report and returns the exit
// code of the process.
#pragma once

#include "tests/bench/report.hpp"
#include "tests/bench/skeleton_server.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::bench {

/// fdatasync, RocksDB and the composed ceiling.
int bench_limits(const bench_options& options);
/// Experiment (a): the skeleton beside the ceiling, with and without a busy
/// engine on the other core. `only`: names of variants, empty = all; `engines`:
/// idle (none), busy, busy-nice, busy-batch, busy-idle.
int bench_skeleton(const bench_options& options, const std::string& only,
                   const std::vector<std::string>& engines);

/// Durable 202s per second and their latency, beside the ceiling.
int bench_accept(const bench_options& options);
/// Overhead, event delay with 1,000 streams, memory per stream and queued job.
int bench_stream(const bench_options& options);
/// Time from exec to ready with `jobs` queued after a SIGKILL; nothing lost.
int bench_recover(const bench_options& options, uint64_t jobs);
/// The queue's order beside first come, first served, at 0.9, 2 and 10 times what
/// the slots can do.
int bench_overload(const bench_options& options);
/// Accept and dispatch with 10,000 and with `jobs` queued jobs on one node, its
/// memory, and its restart after a SIGKILL.
int bench_scale(const bench_options& options, uint64_t jobs);
/// Leases per second of one model on two cores, and the speed of the scheduler's
/// classes. `only`: classes, ephemeral, ephemeral-tenants, memory or disk; empty:
/// all.
int bench_leases(const bench_options& options, const std::string& only,
                 uint64_t jobs);
/// The embedded store beside a bare RocksDB batch, and its recovery.
int bench_store(const bench_options& options);

/// Bare Beast and one commit thread; the line that others are compared with.
int run_ceiling_server(uint16_t port, const std::string& dir);
/// Burns one core until killed: an engine that computes. `policy`: other, batch
/// or idle, as the kernel's scheduler means them.
int run_busy_loop(int core, int niceness, const std::string& policy);

/// Latency of `count` synced 4 KiB appends to a file under `dir`.
histogram measure_fdatasync(const std::string& dir, double seconds);

} // namespace troupe::bench
