// What a bench hands back: a table for the terminal, the same figures as JSON,
// and aims with PASS or FAIL beside them.
#pragma once

#include "tests/bench/load_generator.hpp"

#include <string>
#include <vector>

namespace troupe::bench {

/// Options that all subcommands share.
struct bench_options {
  std::string node;      ///< The `troupe` binary; empty: beside this one.
  std::string scratch;   ///< Parent of data directories; a real disk.
  std::string json_file; ///< Empty: none.
  uint64_t seed = 1;
  double duration_s = 5.0; ///< Of each measured step.
  uint32_t repeats = 3;    ///< Interleaved; medians are shown.
  bool quick = false;
  bool gate = false; ///< Exit 1 when an aim is missed.
};

double median(std::vector<double> values);

/// Free-form figures in order, grouped by rows of one table.
class report {
public:
  explicit report(std::string title);

  void columns(std::vector<std::string> names);
  /// As many cells as columns.
  void row(std::vector<std::string> cells);
  /// A figure for the JSON file.
  void figure(const std::string& name, double value);
  /// A line under the tables.
  void note(std::string text);
  /// `value` must be <= (or >=) `limit`. Also a figure.
  void aim_at_most(const std::string& what, double value, double limit,
                   const std::string& unit);
  void aim_at_least(const std::string& what, double value, double limit,
                    const std::string& unit);

  /// Prints everything and writes the JSON file. The process exit code.
  int finish(const bench_options& options) const;

private:
  struct aim {
    std::string what;
    double value;
    double limit;
    bool upper;
    std::string unit;
    bool met() const { return upper ? value <= limit : value >= limit; }
  };
  struct table {
    std::vector<std::string> names;
    std::vector<std::vector<std::string>> rows;
  };
  void write_json(const bench_options& options) const;

  std::string title_;
  std::vector<table> tables_;
  std::vector<std::pair<std::string, double>> figures_;
  std::vector<std::string> notes_;
  std::vector<aim> aims_;
};

/// Fixed notation with `digits` after the point.
std::string fixed(double value, int digits);

/// Processor, cores, memory, kernel and file system of `dir`, one line.
std::string describe_machine(const std::string& dir);

} // namespace troupe::bench
