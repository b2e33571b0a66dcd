// Experiment (c): how often a greedy text changes when its neighbours do, and
// when it is continued from the text that was already streamed.
#pragma once

#include <cstdint>
#include <string>

namespace troupe::bench {

struct divergence_plan {
  std::string folder;
  uint32_t slots = 8;
  uint32_t tokens = 10'000;  ///< Greedy tokens of each kind of run.
  uint32_t tokens_max = 160; ///< Of one text.
  uint64_t seed = 1;
  std::string json_file; ///< Empty: none.
};

/// Prints a table; the process' exit code.
int run_divergence(const divergence_plan& plan);

} // namespace troupe::bench
