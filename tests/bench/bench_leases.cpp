// How many leases one model's dispatcher makes per second, and how fast its
// classes are by themselves (gate G11).
#include "tests/bench/child_process.hpp"
#include "tests/bench/commands.hpp"
#include "tests/bench/core_speed.hpp"
#include "tests/bench/lease_rig.hpp"

namespace troupe::bench {
namespace {

std::string microseconds(nanos d) {
  return fixed(to_ms(d) * 1e3, 2);
}

void add_classes(report& out, const bench_options& options) {
  const uint64_t jobs = options.quick ? 100'000 : 1'000'000;
  const uint32_t tenants = options.quick ? 1'000 : 10'000;
  const uint64_t picks = options.quick ? 50'000 : 500'000;
  const auto queue = measure_ready_queue(jobs, 1'000, options.seed);
  const auto pick = measure_picks(tenants, 64, picks, options.seed);
  out.columns({"class", "measure", "value"});
  auto n = std::to_string(jobs);
  out.row({"ready_queue", "push at " + n + " jobs, mean, us",
           fixed(queue.push_mean_us, 2)});
  out.row({"", "push p99, us", microseconds(queue.push.quantile(0.99))});
  out.row({"", "pop mean, us", fixed(queue.pop_mean_us, 2)});
  out.row({"", "pop p99, us", microseconds(queue.pop.quantile(0.99))});
  out.row({"", "rebuild, s", fixed(queue.rebuild_s, 2)});
  out.row({"", "bytes per job", fixed(queue.bytes_per_job, 0)});
  out.row({"dispatch_core",
           "picks/s, " + std::to_string(tenants) + " tenants x 64 shards",
           fixed(pick.picks_per_s, 0)});
  out.row({"", "announcing all heads, s", fixed(pick.announce_s, 2)});
  out.figure("pick_mean_us", pick.mean_us);
  out.figure("queue_bytes_per_job", queue.bytes_per_job);
  auto ms = [](nanos d) { return to_ms(d) * 1e3; };
  out.aim_at_most("push mean", queue.push_mean_us, 2, "us");
  out.aim_at_most("push p99", ms(queue.push.quantile(0.99)), 10, "us");
  out.aim_at_most("pop mean", queue.pop_mean_us, 2, "us");
  out.aim_at_most("pop p99", ms(queue.pop.quantile(0.99)), 10, "us");
  out.aim_at_most("rebuild", queue.rebuild_s, 3, "s");
  out.aim_at_least("picks", pick.picks_per_s, 100'000, "/s");
}

struct case_line {
  const char* name;
  lease_store store;
  uint32_t tenants;
};

} // namespace

int bench_leases(const bench_options& options, const std::string& only,
                 uint64_t jobs) {
  const scratch_dir scratch{options.scratch};
  report out{"leases of one model: a node without HTTP, jobs of no length"};
  if (only.empty() || only == "classes")
    add_classes(out, options);
  out.columns({"jobs", "jobs/s", "leases", "lease mean ms", "CPU us a job",
               "cores", "ahead"});
  constexpr case_line cases[] = {
    {"ephemeral", lease_store::ephemeral, 1},
    {"ephemeral-tenants", lease_store::ephemeral, 100},
    {"memory", lease_store::memory, 1},
    {"disk", lease_store::disk, 1}};
  for (const auto& c : cases) {
    if (!only.empty() && only != c.name)
      continue;
    std::vector<double> rates;
    lease_result last;
    for (uint32_t repeat = 0; repeat < options.repeats; ++repeat) {
      lease_plan plan{.store = c.store,
                      .jobs = jobs,
                      .tenants = c.tenants,
                      .seed = options.seed + repeat};
      if (c.store == lease_store::disk)
        plan.dir = scratch.sub("store-" + std::to_string(repeat));
      last = run_leases(plan);
      rates.push_back(last.per_second(jobs));
    }
    const auto rate = median(rates);
    const auto n = static_cast<double>(jobs);
    out.row({c.name, fixed(rate, 0), fixed(last.leases, 0),
             fixed(last.lease_mean_s * 1e3, 2), fixed(last.cpu_s / n * 1e6, 1),
             fixed(last.cpu_s / last.drain_s, 2), fixed(last.ahead, 0)});
    out.figure(std::string{c.name} + "_jobs_per_s", rate);
    if (c.store == lease_store::ephemeral)
      out.aim_at_least(std::string{"leases, "} + c.name, rate, 20'000, "/s");
  }
  return out.finish(options);
}

} // namespace troupe::bench
