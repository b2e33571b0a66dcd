#include "tests/bench/sched/job_trace.hpp"

#include <algorithm>
#include <ostream>

namespace troupe::bench {
namespace {

constexpr size_t jobs_max = 100'000;

/// Commas in titles would be columns.
void quote(std::ostream& out, std::string_view text) {
  out << '"' << text << '"';
}

/// An empty cell where something never happened.
void cell(std::ostream& out, double seconds) {
  out << ',';
  if (seconds < never)
    out << seconds;
}

} // namespace

void write_header(std::ostream& out) {
  out << "workload,order,seed,job,tenant,tier,arrival_s,work_s,predicted_s,"
         "limit_s,start_s,finish_s,served\n";
}

void write_jobs(std::ostream& out, const trace_title& title, const workload& w,
                const run_trace& t) {
  for (size_t i = 0; i < std::min(w.jobs.size(), jobs_max); ++i) {
    const auto& j = w.jobs[i];
    const auto& x = t.jobs[i];
    quote(out, title.workload);
    out << ',';
    quote(out, title.order);
    out << ',' << title.seed << ',' << i << ',' << j.tenant << ','
        << static_cast<int>(j.tier);
    for (auto seconds :
         {j.arrival, j.work, j.predicted, j.limit, x.start, x.finish})
      cell(out, seconds);
    out << ',' << (x.served ? 1 : 0) << '\n';
  }
}

} // namespace troupe::bench
