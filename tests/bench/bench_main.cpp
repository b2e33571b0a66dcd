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
  command.add_option("--duration-s", options.duration_s,
                     "seconds of each measured step")
    ->check(CLI::Range(0.1, 3600.0));
  command.add_option("--repeats", options.repeats, "medians of so many")
    ->check(CLI::Range(1U, 101U));
  command.add_flag("--quick", options.quick, "one short repeat");
  command.add_flag("--gate", options.gate, "exit 1 when an aim is missed");
}

int run(int argc, char** argv) {
  CLI::App app{"Measures the limits of this box and Troupe beside them."};
  app.require_subcommand(1);
  bench_options options;
  options.scratch = "/var/tmp";
  std::string only;
  std::vector<std::string> engines{"idle", "busy", "busy-nice", "busy-batch",
                                   "busy-idle"};
  auto* limits = app.add_subcommand("limits", "fdatasync, RocksDB, ceiling");
  auto* skeleton = app.add_subcommand("skeleton", "experiment (a) of ADR 1");
  skeleton->add_option("--only", only, "variants, by name");
  skeleton->add_option("--engine", engines, "what the other core does");
  auto* accept = app.add_subcommand("accept", "202s beside the ceiling");
  auto* stream = app.add_subcommand("stream", "overhead, delay, memory");
  auto* recover = app.add_subcommand("recover", "restart with a full queue");
  uint64_t jobs = 100'000;
  recover->add_option("--jobs", jobs, "queued when the node is killed")
    ->check(CLI::Range(uint64_t{1}, uint64_t{10'000'000}));
  auto* stores = app.add_subcommand("store", "commits and recovery");
  for (auto* command : {limits, skeleton, accept, stream, recover, stores})
    add_shared(*command, options);

  skeleton_options server;
  auto* ceiling = app.add_subcommand("ceiling-server", "run the ceiling");
  auto* bones = app.add_subcommand("skeleton-server", "run the skeleton");
  for (auto* command : {ceiling, bones}) {
    command->add_option("--port", server.port, "0 = any");
    command->add_option("--dir", server.dir, "of the database")->required();
  }
  bones->add_option("--policy", server.policy, "sharing or stealing");
  bones->add_option("--threads", server.threads, "of the scheduler");
  bones->add_option("--throughput", server.throughput, "messages per turn");
  bones->add_option("--journal", server.journal, "actor or thread");
  bones->add_option("--shard", server.shard, "pooled or detached");
  int core = 1;
  int niceness = 0;
  auto* busy = app.add_subcommand("busy-loop", "burn one core");
  busy->add_option("--core", core, "number of the core");
  busy->add_option("--nice", niceness, "0..19");
  std::string policy = "other";
  busy->add_option("--policy", policy, "other, batch or idle");
  CLI11_PARSE(app, argc, argv);

  if (options.quick) {
    options.repeats = 1;
    options.duration_s = std::min(options.duration_s, 1.0);
  }
  if (limits->parsed())
    return bench_limits(options);
  if (skeleton->parsed())
    return bench_skeleton(options, only, engines);
  if (accept->parsed())
    return bench_accept(options);
  if (stream->parsed())
    return bench_stream(options);
  if (recover->parsed())
    return bench_recover(options,
                         options.quick ? std::min<uint64_t>(jobs, 10'000)
                                       : jobs);
  if (stores->parsed())
    return bench_store(options);
  if (ceiling->parsed())
    return run_ceiling_server(server.port, server.dir);
  if (bones->parsed())
    return run_skeleton_server(server);
  return run_busy_loop(core, niceness, policy);
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
