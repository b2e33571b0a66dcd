// The gates of the design (scheduling.md, section 13): on what workload, with
// what presets, which figure must reach what. A gate's numbers are the design's.
#pragma once

#include "tests/bench/sched/contest.hpp"

#include <optional>
#include <string_view>

namespace troupe::bench {

/// One figure that must not be above, or below, a limit.
struct gate_line {
  std::string what;
  double measured = 0;
  double limit = 0;
  bool at_most = false; ///< Else at least.
  bool passed() const {
    return at_most ? measured <= limit : measured >= limit;
  }
};

struct named_figures {
  std::string name;
  run_figures figures;
};

/// Ready to print: who came how far on which workload.
struct gate_table {
  std::string title;
  std::vector<named_figures> rows;
};

struct gate_result {
  std::string name;
  std::vector<gate_table> tables;
  std::vector<gate_line> lines;
  std::vector<std::string> notes;
  audit_figures audit; ///< Of all Troupe's runs.

  /// Holds the contest and keeps its table.
  std::vector<standing> hold(const contest& c, const run_options& options);
  void at_most(std::string what, double measured, double limit);
  void at_least(std::string what, double measured, double limit);
  bool passed() const;
};

struct gate {
  std::string_view name;
  std::string_view about;
  gate_result (*run)(const run_options&); ///< Null: not built.
};

/// All of the design, built or not. G10 is judged over the runs of the others.
const std::vector<gate>& gates();
gate_result starvation_gate(const std::vector<gate_result>& others);

gate_result run_g1(const run_options& options);
gate_result run_g2(const run_options& options);
gate_result run_g3(const run_options& options);
gate_result run_g4(const run_options& options);
gate_result run_g5(const run_options& options);
gate_result run_g6(const run_options& options);
gate_result run_g7(const run_options& options);
gate_result run_g8(const run_options& options);
gate_result run_g9(const run_options& options);

enum class preset : uint8_t { mean, tail, short_first };
/// `scheduling.order` and its boost_m, with all other defaults.
troupe_options options_of(preset p);

} // namespace troupe::bench
