#include "tests/bench/report.hpp"

#include <boost/json.hpp>

#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>

namespace troupe::bench {

namespace {

std::string cpu_model() {
  std::ifstream info{"/proc/cpuinfo"};
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name"))
      return line.substr(line.find(':') + 2);
  return "unknown processor";
}

std::string filesystem_of(const std::string& dir) {
  struct statfs info {};
  if (::statfs(dir.c_str(), &info) != 0)
    return "unknown file system";
  switch (static_cast<unsigned long>(info.f_type)) {
    case 0xEF53UL:
      return "ext4";
    case 0x58465342UL:
      return "xfs";
    case 0x9123683EUL:
      return "btrfs";
    case 0x794C7630UL:
      return "overlayfs";
    case 0x01021994UL:
      return "tmpfs (NOT A DISK)";
    default:
      return "file system " + std::to_string(info.f_type);
  }
}

void print_table(const std::vector<std::string>& names,
                 const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(names.size(), 0);
  for (size_t c = 0; c < names.size(); ++c) {
    widths[c] = names[c].size();
    for (const auto& row : rows)
      widths[c] = std::max(widths[c], row[c].size());
  }
  const auto print = [&](const std::vector<std::string>& cells) {
    for (size_t c = 0; c < cells.size(); ++c)
      std::printf(c == 0 ? "%-*s" : "  %*s", static_cast<int>(widths[c]),
                  cells[c].c_str());
    std::printf("\n");
  };
  print(names);
  for (const auto& row : rows)
    print(row);
  std::printf("\n");
}

} // namespace

double median(std::vector<double> values) {
  if (values.empty())
    return 0.0;
  std::sort(values.begin(), values.end());
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle]
                                : (values[middle - 1] + values[middle]) / 2;
}

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string describe_machine(const std::string& dir) {
  utsname system{};
  ::uname(&system);
  const auto memory = static_cast<double>(::sysconf(_SC_PHYS_PAGES))
                      * static_cast<double>(::sysconf(_SC_PAGE_SIZE));
  return cpu_model() + ", " + std::to_string(::sysconf(_SC_NPROCESSORS_ONLN))
         + " cores, " + fixed(memory / (1 << 30), 1) + " GiB, Linux "
         + system.release + ", " + filesystem_of(dir);
}

report::report(std::string title) : title_(std::move(title)) {}

void report::columns(std::vector<std::string> names) {
  tables_.push_back({std::move(names), {}});
}

void report::row(std::vector<std::string> cells) {
  tables_.back().rows.push_back(std::move(cells));
}

void report::figure(const std::string& name, double value) {
  figures_.emplace_back(name, value);
}

void report::note(std::string text) {
  notes_.push_back(std::move(text));
}

void report::aim_at_most(const std::string& what, double value, double limit,
                         const std::string& unit) {
  aims_.push_back({what, value, limit, true, unit});
}

void report::aim_at_least(const std::string& what, double value, double limit,
                          const std::string& unit) {
  aims_.push_back({what, value, limit, false, unit});
}

int report::finish(const bench_options& options) const {
  const auto machine = describe_machine(options.scratch);
  std::printf("\n%s\n%s; seed %llu, %s s per step, %u repeats\n\n",
              title_.c_str(), machine.c_str(),
              static_cast<unsigned long long>(options.seed),
              fixed(options.duration_s, 1).c_str(), options.repeats);
  for (const auto& each : tables_)
    print_table(each.names, each.rows);
  for (const auto& note : notes_)
    std::printf("%s\n", note.c_str());
  bool all_met = true;
  for (const auto& each : aims_) {
    all_met = all_met && each.met();
    std::printf("%s  %s: %s %s (aim: %s %s)\n", each.met() ? "PASS" : "FAIL",
                each.what.c_str(), fixed(each.value, 2).c_str(),
                each.unit.c_str(),
                each.upper ? "<=" : ">=", fixed(each.limit, 2).c_str());
  }
  std::fflush(stdout);
  write_json(options);
  return options.gate && !all_met ? 1 : 0;
}

void report::write_json(const bench_options& options) const {
  if (options.json_file.empty())
    return;
  boost::json::object figures;
  for (const auto& [name, value] : figures_)
    figures[name] = value;
  boost::json::array aims;
  for (const auto& each : aims_)
    aims.push_back({{"what", each.what},
                    {"value", each.value},
                    {"limit", each.limit},
                    {"kind", each.upper ? "at_most" : "at_least"},
                    {"unit", each.unit},
                    {"met", each.met()}});
  boost::json::array notes;
  for (const auto& note : notes_)
    notes.emplace_back(note);
  const boost::json::object all{{"bench", title_},
                                {"machine", describe_machine(options.scratch)},
                                {"seed", options.seed},
                                {"duration_s", options.duration_s},
                                {"repeats", options.repeats},
                                {"quick", options.quick},
                                {"figures", figures},
                                {"aims", aims},
                                {"notes", notes}};
  std::ofstream file{options.json_file};
  file << boost::json::serialize(all) << '\n';
  if (!file.flush())
    std::fprintf(stderr, "cannot write %s\n", options.json_file.c_str());
}

} // namespace troupe::bench
