// troupe-bench: measures the limits of this box and Troupe beside them.
#include "tests/bench/commands.hpp"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <exception>

namespace troupe::bench {

namespace {

void add_shared(CLI::App& command, bench_options& options) {
  command.add_option("--node", options.node, "the troupe binary");
  command.add_option("--scratch", options.scratch,
                     "parent of data directories, on a real disk");
  command.add_option("--json", options.json_file, "also write figures here");
  command.add_option("--seed", options.seed, "of the generated load");
  command
    .add_option("--duration-s", options.duration_s,
                "seconds of each measured step")
    ->check(CLI::Range(0.1, 3600.0));
  command.add_option("--repeats", options.repeats, "medians of so many")
    ->check(CLI::Range(1U, 101U));
  command.add_flag("--quick", options.quick, "one short repeat");
  command.add_flag("--gate", options.gate, "exit 1 when an aim is missed");
}

/// What the command line says; callbacks set `exit_code`.
struct command_line {
  bench_options shared;
  std::string only;
  std::vector<std::string> engines{"idle", "busy", "busy-nice", "busy-batch",
                                   "busy-idle"};
  uint64_t jobs = 100'000;
  uint64_t scale_jobs = 1'000'000;
  skeleton_options server;
  int core = 1;
  int niceness = 0;
  std::string policy = "other";
  load_plan load;
  int exit_code = 0;
};

/// Load on a server that runs already, for profiling it.
int run_plain_load(const bench_options& shared, load_plan plan) {
  plan.duration_s = shared.duration_s;
  plan.requests = job_requests(shared.seed, 256, "sim", 1024);
  const auto got = run_load(plan);
  report out{"load on port " + std::to_string(plan.port)};
  out.columns({"per second", "p50 ms", "p99 ms", "p99.9 ms", "errors"});
  out.row(
    {fixed(got.per_second(), 0), fixed(to_ms(got.latency.quantile(0.5)), 3),
     fixed(to_ms(got.latency.quantile(0.99)), 3),
     fixed(to_ms(got.latency.quantile(0.999)), 3), std::to_string(got.errors)});
  if (got.errors > 0)
    out.note("first error: " + got.first_error);
  out.figure("per_s", got.per_second());
  out.figure("p50_ms", to_ms(got.latency.quantile(0.5)));
  out.figure("p99_ms", to_ms(got.latency.quantile(0.99)));
  out.aim_at_most("requests that went wrong", static_cast<double>(got.errors),
                  0, "");
  return out.finish(shared);
}

void add_benches(CLI::App& app, command_line& line) {
  auto& shared = line.shared;
  const auto add = [&](const char* name, const char* about, auto run) {
    auto* command = app.add_subcommand(name, about);
    add_shared(*command, shared);
    command->callback([&line, run] {
      if (line.shared.quick) {
        line.shared.repeats = 1;
        line.shared.duration_s = std::min(line.shared.duration_s, 1.0);
        line.jobs = std::min<uint64_t>(line.jobs, 10'000);
        line.scale_jobs = std::min<uint64_t>(line.scale_jobs, 50'000);
      }
      line.exit_code = run();
    });
    return command;
  };
  add("limits", "fdatasync, RocksDB, ceiling",
      [&] { return bench_limits(shared); });
  add("accept", "202s beside the ceiling",
      [&] { return bench_accept(shared); });
  add("stream", "overhead, delay, memory",
      [&] { return bench_stream(shared); });
  add("recover", "restart with a full queue",
      [&] { return bench_recover(shared, line.jobs); })
    ->add_option("--jobs", line.jobs, "queued when the node is killed")
    ->check(CLI::Range(uint64_t{1}, uint64_t{10'000'000}));
  add("overload",
      "the queue's order under load, beside first come, first served",
      [&] { return bench_overload(shared); });
  add("store", "commits and recovery of the embedded store",
      [&] { return bench_store(shared); });
  add("scale", "a million queued jobs on one node",
      [&] { return bench_scale(shared, line.scale_jobs); })
    ->add_option("--jobs", line.scale_jobs, "queued at most")
    ->check(CLI::Range(uint64_t{20'000}, uint64_t{10'000'000}));
  auto* leases = add("leases", "leases per second of one model", [&] {
    return bench_leases(shared, line.only, line.jobs);
  });
  leases->add_option("--only", line.only,
                     "classes, ephemeral, ephemeral-tenants, memory or disk");
  leases->add_option("--jobs", line.jobs, "queued before the workers come")
    ->check(CLI::Range(uint64_t{1}, uint64_t{10'000'000}));
  auto* load = add("load", "submit to a running node's model `sim`",
                   [&] { return run_plain_load(shared, line.load); });
  load->add_option("--port", line.load.port, "of the node")->required();
  load->add_option("--connections", line.load.connections, "kept open")
    ->check(CLI::Range(1U, 4096U));
  load->add_option("--rate", line.load.rate_per_s, "per second; 0 = no pause");
  auto* skeleton = add("skeleton", "experiment (a) of ADR 1", [&] {
    return bench_skeleton(shared, line.only, line.engines);
  });
  skeleton->add_option("--only", line.only, "variants, by name");
  skeleton->add_option("--engine", line.engines, "what the other core does");
}

void add_servers(CLI::App& app, command_line& line) {
  auto& server = line.server;
  const auto add = [&](const char* name, const char* about, auto run) {
    auto* command = app.add_subcommand(name, about);
    command->callback([&line, run] { line.exit_code = run(); });
    return command;
  };
  auto* ceiling = add("ceiling-server", "run the ceiling", [&] {
    return run_ceiling_server(server.port, server.dir);
  });
  auto* skeleton = add("skeleton-server", "run the skeleton",
                       [&] { return run_skeleton_server(server); });
  for (auto* command : {ceiling, skeleton}) {
    command->add_option("--port", server.port, "0 = any");
    command->add_option("--dir", server.dir, "of the database")->required();
  }
  skeleton->add_option("--policy", server.policy, "sharing or stealing");
  skeleton->add_option("--threads", server.threads, "of the scheduler");
  skeleton->add_option("--throughput", server.throughput, "messages per turn");
  skeleton->add_option("--journal", server.journal, "actor or thread");
  skeleton->add_option("--shard", server.shard, "pooled or detached");
  auto* busy = add("busy-loop", "burn one core", [&] {
    return run_busy_loop(line.core, line.niceness, line.policy);
  });
  busy->add_option("--core", line.core, "number of the core");
  busy->add_option("--nice", line.niceness, "0..19, added to the current one");
  busy->add_option("--policy", line.policy, "other, batch or idle");
}

int run(int argc, char** argv) {
  CLI::App app{"Measures the limits of this box and Troupe beside them."};
  app.require_subcommand(0, 1);
  command_line line;
  line.shared.scratch = "/var/tmp";
  add_benches(app, line);
  add_servers(app, line);
  CLI11_PARSE(app, argc, argv);
  if (app.get_subcommands().empty())
    std::fputs(app.help().c_str(), stdout);
  return line.exit_code;
}

} // namespace

} // namespace troupe::bench

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return troupe::bench::run(argc, argv);
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "troupe-bench: %s\n", failed.what());
    return 1;
  }
}
