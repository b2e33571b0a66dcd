// A whole life of one node from one number: the seed expands to a workload, a
// schedule of actors and faults (power cuts of the store, engine crashes, hangs
// and errors); clients submit, watch, leave, resume and cancel. Afterwards the
// promises are checked against what the clients saw and what is on the disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::tests {

struct simulation_report {
  uint64_t trace_hash = 0; ///< Of every delivery and its time.
  uint64_t acknowledged = 0;
  uint64_t completed = 0;
  uint64_t power_cuts = 0;
  uint64_t engine_deaths = 0; ///< Attempts that ended with their engine.
  uint64_t resumes = 0;
  uint64_t parks = 0; ///< Attempts that left their slot for another.
  /// Broken promises, with the invariant of docs/reliability.md; empty = good.
  std::vector<std::string> violations;
  std::string options; ///< What the seed expanded to.
};

enum class simulation_mix : uint8_t {
  plain,    ///< Nobody says how long a job takes.
  predicted ///< Every job says so, rightly or not: some leave slots for others.
};

simulation_report simulate_one_node(uint64_t seed,
                                    simulation_mix mix = simulation_mix::plain);

} // namespace troupe::tests
