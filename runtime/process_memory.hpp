// How much memory this process holds, and how much there is for it. Linux only:
// /proc and, in a container, /sys/fs/cgroup.
#pragma once

#include <cstdint>

namespace troupe::runtime {

/// Resident bytes of this process, without those of engine processes; 0 where
/// /proc does not say.
uint64_t resident_bytes();

/// The least of the machine's memory and the limits of the process's cgroups; 0
/// where nothing says.
uint64_t memory_bytes_available();

} // namespace troupe::runtime
