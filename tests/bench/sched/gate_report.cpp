#include "tests/bench/sched/gate_report.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>

namespace troupe::bench {
namespace {

const char* verdict(bool passed) {
  return passed ? "PASS" : "FAIL";
}

void print(const gate_table& t) {
  std::printf("\n%s\n%-28s %9s %8s %8s %8s %8s %8s %8s %8s %8s %7s %7s %5s\n",
              t.title.c_str(), "", "jobs", "mean s", "p50", "p90", "p95", "p99",
              "p99.9", "max", "slowdown", "goodput", "late", "Jain");
  for (const auto& [name, f] : t.rows)
    std::printf("%-28s %9llu %8.3f %8.3f %8.2f %8.2f %8.2f %8.1f %8.1f %8.2f "
                "%7.4f %7.4f %5.3f\n",
                name.c_str(), static_cast<unsigned long long>(f.jobs), f.mean,
                f.p50, f.p90, f.p95, f.p99, f.p999, f.max, f.slowdown,
                f.goodput, f.ran_late, f.jain);
}

boost::json::object to_json(const run_figures& f) {
  return {
    {"jobs", f.jobs},         {"served", f.served},   {"mean_s", f.mean},
    {"p50_s", f.p50},         {"p90_s", f.p90},       {"p95_s", f.p95},
    {"p99_s", f.p99},         {"p999_s", f.p999},     {"max_s", f.max},
    {"slowdown", f.slowdown}, {"goodput", f.goodput}, {"ran_late", f.ran_late},
    {"jain", f.jain}};
}

boost::json::object to_json(const gate_result& r) {
  boost::json::array lines, tables;
  for (const auto& l : r.lines)
    lines.push_back({{"what", l.what},
                     {"measured", l.measured},
                     {"limit", l.limit},
                     {"kind", l.at_most ? "at_most" : "at_least"},
                     {"passed", l.passed()}});
  for (const auto& t : r.tables) {
    boost::json::object rows;
    for (const auto& [name, f] : t.rows)
      rows[name] = to_json(f);
    tables.push_back({{"title", t.title}, {"rows", rows}});
  }
  return {{"gate", r.name},
          {"passed", r.passed()},
          {"lines", lines},
          {"tables", tables},
          {"audited_jobs", r.audit.jobs},
          {"audited_after_t_star", r.audit.waited},
          {"beyond_bound", r.audit.beyond}};
}

} // namespace

void print(const std::vector<check_line>& lines) {
  std::printf("\nSelf-check: mean response against closed forms\n");
  for (const auto& l : lines)
    std::printf("%s  %-30s theory %.5f s, measured %.5f s (%+.2f %%, standard "
                "error %.2f %%)\n",
                verdict(l.passed()), l.what.c_str(), l.theory_s, l.measured_s,
                100 * (l.measured_s / l.theory_s - 1),
                100 * l.standard_error_s / l.theory_s);
}

void print(const gate_result& r) {
  for (const auto& t : r.tables)
    print(t);
  std::printf("\n");
  for (const auto& l : r.lines)
    std::printf("%s  %s %s: %.4g (required: %s %.4g)\n", verdict(l.passed()),
                r.name.c_str(), l.what.c_str(), l.measured,
                l.at_most ? "<=" : ">=", l.limit);
  for (const auto& n : r.notes)
    std::printf("      %s\n", n.c_str());
  std::fflush(stdout);
}

void print_verdicts(const std::vector<gate_result>& all) {
  std::printf("\n");
  for (const auto& g : gates()) {
    auto r = std::find_if(all.begin(), all.end(),
                          [&](const auto& x) { return x.name == g.name; });
    const char* word = r != all.end()             ? verdict(r->passed())
                       : g.run || g.name == "G10" ? "not run"
                                                  : "not built";
    std::printf("%-9s  %-3s  %s\n", word, std::string{g.name}.c_str(),
                std::string{g.about}.c_str());
  }
}

bool write_json(const std::string& file, const run_options& options,
                const std::vector<check_line>& checks,
                const std::vector<gate_result>& results) {
  boost::json::array check_list, gate_list;
  for (const auto& c : checks)
    check_list.push_back({{"what", c.what},
                          {"theory_s", c.theory_s},
                          {"measured_s", c.measured_s},
                          {"standard_error_s", c.standard_error_s},
                          {"passed", c.passed()}});
  for (const auto& r : results)
    gate_list.push_back(to_json(r));
  boost::json::object all{{"seeds", boost::json::value_from(options.seeds)},
                          {"quick", options.quick},
                          {"self_check", check_list},
                          {"gates", gate_list}};
  std::ofstream out{file};
  out << boost::json::serialize(all) << '\n';
  return static_cast<bool>(out.flush());
}

} // namespace troupe::bench
