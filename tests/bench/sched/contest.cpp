#include "tests/bench/sched/contest.hpp"

#include "tests/bench/sched/baselines.hpp"
#include "tests/bench/sched/job_trace.hpp"

#include <algorithm>
#include <future>
#include <stdexcept>
#include <thread>

namespace troupe::bench {
namespace {

template <class Make>
contender ordered(std::string name, Make make, serve_options options = {}) {
  return {std::move(name), [make, options](const workload& w) {
            auto queue = make(w);
            return run_outcome{.trace = serve(w, queue, options)};
          }};
}

constexpr double slice_default_s = 0.05; // preemption.slice_ms

std::vector<standing> run_seed(const contest& c, uint64_t seed,
                               std::ostream* trace) {
  std::vector<standing> all;
  auto w = c.arrivals(seed);
  for (const auto& each : c.contenders) {
    auto x = each.run(w);
    if (trace)
      write_jobs(*trace, {c.title, each.name, seed}, w, x.trace);
    all.push_back({each.name, run_summary{c.only}, x.audit, x.gap_s,
                   x.gap_bound_s > 0 ? x.gap_s / x.gap_bound_s : 0, x.run_twice,
                   x.refused_starts, x.moves});
    all.back().pool.add(w, x.trace);
  }
  return all;
}

void merge(std::vector<standing>& into, std::vector<standing> from) {
  if (into.empty()) {
    into = std::move(from);
    return;
  }
  for (size_t i = 0; i < into.size(); ++i) {
    into[i].pool.merge(from[i].pool);
    into[i].audit.add(from[i].audit);
    into[i].gap_s = std::max(into[i].gap_s, from[i].gap_s);
    into[i].gap_over_bound =
      std::max(into[i].gap_over_bound, from[i].gap_over_bound);
    into[i].run_twice += from[i].run_twice;
    into[i].refused_starts += from[i].refused_starts;
    into[i].moves += from[i].moves;
  }
}

} // namespace

std::vector<standing> hold(const contest& c, const run_options& options) {
  const auto& seeds = options.seeds;
  std::vector<standing> all;
  size_t cores = std::max(std::thread::hardware_concurrency(), 1U);
  for (size_t first = 0; first < seeds.size(); first += cores) {
    std::vector<std::future<std::vector<standing>>> runs;
    auto last = std::min(first + cores, seeds.size());
    for (auto i = first; i < last; ++i)
      runs.push_back(std::async(std::launch::async, run_seed, std::cref(c),
                                seeds[i], i == 0 ? options.trace : nullptr));
    for (auto& r : runs)
      merge(all, r.get());
  }
  return all;
}

const standing& find(const std::vector<standing>& all,
                     const std::string& name) {
  for (const auto& s : all)
    if (s.name == name)
      return s;
  throw std::logic_error("no contender " + name);
}

contender fcfs() {
  return ordered("FCFS", fcfs_order);
}

contender shared() {
  return {"PS", [](const workload& w) { return run_outcome{serve_shared(w)}; }};
}

contender sjf(bool oracle) {
  return ordered(oracle ? "oracle SJF" : "predicted SJF",
                 [oracle](const workload& w) { return sjf_order(w, oracle); });
}

contender sliced_sjf() {
  return ordered("sliced predicted SJF", sliced_sjf_order,
                 {.slice_s = slice_default_s});
}

contender srpt(bool pooled) {
  return {
    pooled ? "SRPT, one fast server" : "oracle SRPT-k",
    [pooled](const workload& w) { return run_outcome{serve_srpt(w, pooled)}; }};
}

contender edf_shed() {
  return ordered("EDF + shed", edf_shed_order, {.stop_at_limit = true});
}

contender vtc() {
  return ordered("VTC + FCFS", [](const workload& w) { return vtc_order{w}; });
}

contender strict_tiers() {
  return ordered("strict tiers", tier_order);
}

contender troupe_contender(std::string name, const troupe_options& options,
                           double slice_s) {
  return {std::move(name), [options, slice_s](const workload& w) {
            troupe_order queue{w, options};
            run_outcome x;
            x.trace = serve(w, queue,
                            {.slice_s = slice_s,
                             .stop_at_limit = options.sheds,
                             .keep_segments = true});
            gate_terms gate{queue.slack_seen()};
            auto gated = options.gate_slack_jobs > 0;
            x.audit = audit_starvation(w, x.trace, queue.log(),
                                       gated ? &gate : nullptr);
            x.gap_s = queue.gap_seen();
            // The design's bound: U + 2 c_max + 0.5 s k.
            double longest = 0;
            for (const auto& j : w.jobs)
              longest = std::max(longest, j.work);
            x.gap_bound_s = queue.slack_seen() + 2 * longest + 0.5 * w.slots;
            x.trace.segments = {};
            return x;
          }};
}

} // namespace troupe::bench
