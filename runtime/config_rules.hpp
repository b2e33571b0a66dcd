// What no single key can say: conditions between keys of a configuration, and
// whether the files that it names exist.
#pragma once

#include "runtime/config.hpp"

#include <functional>
#include <string>

namespace troupe::runtime {

/// Told about every broken rule; `key` as in `config_problem`.
using problem_report =
  std::function<void(const std::string& key, const std::string& reason)>;

/// Also completes what depends on other keys (`simulated` of simulated models).
void check_rules(config& value, const problem_report& report);

/// The part of it about pools and aliases.
void check_pools(const config& value, const problem_report& report);
void check_aliases(const config& value, const problem_report& report);

/// Looks at the file system: model folders, the engine binary.
void check_files(const config& value, const problem_report& report);

/// Whether the engine can run the models and will find their folders in order;
/// one that `engine.binary` names is trusted to.
void check_engine(const config& value, engine_build beside,
                  const problem_report& report);

} // namespace troupe::runtime
