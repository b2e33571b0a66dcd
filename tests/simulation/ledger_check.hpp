// What must be on the disk after everything has ended, given what clients were
// told: the invariants of docs/reliability.md that concern one node.
#pragma once

#include "runtime/storage/memory_store.hpp"

#include <map>
#include <string>
#include <vector>

namespace troupe::tests {

struct ledger_expectation {
  runtime::job_id id;                   ///< Acknowledged.
  runtime::job_spec spec;               ///< As sent.
  std::map<uint64_t, std::string> seen; ///< Encoded events that readers got.
};

/// One line per broken invariant.
std::vector<std::string>
check_ledger(const runtime::memory_contents& contents,
             const std::vector<ledger_expectation>& jobs);

} // namespace troupe::tests
