// One line of CSV per job of a run, for plotting.
#pragma once

#include "tests/bench/sched/serve.hpp"

#include <iosfwd>
#include <string_view>

namespace troupe::bench {

struct trace_title {
  std::string_view workload;
  std::string_view order;
  uint64_t seed = 0;
};

void write_header(std::ostream& out);
/// The first 100,000 jobs.
void write_jobs(std::ostream& out, const trace_title& title, const workload& w,
                const run_trace& t);

} // namespace troupe::bench
