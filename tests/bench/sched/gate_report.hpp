// How results look: on the terminal, as JSON.
#pragma once

#include "tests/bench/sched/gates.hpp"
#include "tests/bench/sched/self_check.hpp"

namespace troupe::bench {

void print(const std::vector<check_line>& lines);
void print(const gate_result& r);
/// One line per gate of the design: passed, failed, not run, not built.
void print_verdicts(const std::vector<gate_result>& all);
/// False when the file cannot be written.
bool write_json(const std::string& file, const run_options& options,
                const std::vector<check_line>& checks,
                const std::vector<gate_result>& results);

} // namespace troupe::bench
