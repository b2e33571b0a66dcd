#include "tests/bench/sched/gates.hpp"

#include <algorithm>

namespace troupe::bench {

std::vector<standing> gate_result::hold(const contest& c,
                                        const run_options& options) {
  auto all = bench::hold(c, options);
  gate_table t{c.title, {}};
  for (const auto& s : all) {
    t.rows.push_back({s.name, s.pool.figures()});
    audit.add(s.audit);
  }
  tables.push_back(std::move(t));
  return all;
}

void gate_result::at_most(std::string what, double measured, double limit) {
  lines.push_back({std::move(what), measured, limit, true});
}

void gate_result::at_least(std::string what, double measured, double limit) {
  lines.push_back({std::move(what), measured, limit, false});
}

bool gate_result::passed() const {
  return std::all_of(lines.begin(), lines.end(),
                     [](const auto& l) { return l.passed(); });
}

const std::vector<gate>& gates() {
  static const std::vector<gate> all{
    {"G1", "seed workload, C^2 4, preset `short`, slices", run_g1},
    {"G2", "seed workload, constant sizes: no order helps", run_g2},
    {"G3", "azure at load 0.9, noisy and learnt predictions", run_g3},
    {"G4", "azure in bursts with limits, shedding only", run_g4},
    {"G5", "one abusing tenant; Zipf tenants", run_g5},
    {"G6", "tiers in lasting overload", run_g6},
    {"G7", "two levels: shards, dispatcher, delays", run_g7},
    {"G8", "G7 with the dispatcher killed", run_g8},
    {"G9", "workers that move between models", run_g9},
    {"G10", "no job beyond the starvation bound, in all runs", nullptr},
    {"G11", "speed of the classes on this machine", nullptr},
  };
  return all;
}

gate_result starvation_gate(const std::vector<gate_result>& others) {
  gate_result r{.name = "G10"};
  for (const auto& g : others)
    r.audit.add(g.audit);
  r.at_most("jobs beyond the bound of section 4",
            static_cast<double>(r.audit.beyond), 0);
  r.notes.push_back("jobs audited: " + std::to_string(r.audit.jobs)
                    + ", still waiting at T*: " + std::to_string(r.audit.waited)
                    + ", nearest to the bound: "
                    + std::to_string(r.audit.nearest));
  return r;
}

troupe_options options_of(preset p) {
  troupe_options o;
  switch (p) {
    case preset::mean:
      o.boost.boost_m = 0.3;
      break;
    case preset::tail:
      o.boost.boost_m = 1.5;
      break;
    case preset::short_first:
      o.boost.boost_m = 0.05;
      break;
  }
  return o;
}

} // namespace troupe::bench
