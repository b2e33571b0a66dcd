#include "cluster/node.hpp"

#include "cluster/engine_beside.hpp"
#include "cluster/node_metrics.hpp"
#include "cluster/node_setup.hpp"
#include "cluster/running_node.hpp"
#include "cluster/signal_wait.hpp"
#include "runtime/config.hpp"
#include "runtime/log.hpp"

#include <cstdio>
#include <filesystem>
#include <iostream>

namespace troupe::cluster {
namespace {

using namespace std::chrono_literals;

constexpr int exit_unexpected = 1;
constexpr int exit_configuration = 2;
constexpr int exit_store = 11;

runtime::log_level level_of(runtime::log_settings settings) {
  return static_cast<runtime::log_level>(settings.level);
}

/// Reads the file, or makes the demo; says on stderr what is wrong.
std::optional<runtime::config> read_config(const node_options& options) {
  if (options.config_file.empty())
    return runtime::demo_config(options.executable);
  auto loaded = runtime::load_config(options.config_file, engine_beside());
  if (loaded)
    return std::move(*loaded);
  std::cerr << loaded.error().str();
  return std::nullopt;
}

/// What a person at a terminal wants to know first.
void greet(const runtime::config& config,
           const gateway::bound_addresses& bound) {
  if (config.models.empty())
    return;
  const auto& model = config.models.front();
  std::cerr << "\nTroupe is ready.\n"
            << "  API    http://" << bound.gateway << "/v1/jobs\n"
            << "  admin  http://" << bound.admin << "/metrics\n"
            << "  data   " << config.node.data_dir << "\n\nTry:\n"
            << "  curl --json '{\"model\":\"" << model.name
            << "\",\"input\":\"Package: \"}' 'http://" << bound.gateway
            << "/v1/jobs' -H 'Prefer: wait=30'\n\n"
            << "Ctrl-C stops; what runs is finished or parked.\n\n";
}

/// Waits for a signal, or for the node to fail. Returns the exit code.
int serve_until_signal(running_node& node, signal_wait& signals,
                       const runtime::drain_settings& drain) {
  for (;;) {
    auto signal = signals.wait(200ms);
    if (signal == stop_signal::none)
      continue;
    bool interrupt = signal == stop_signal::interrupt;
    runtime::log_info("node", "draining",
                      {{"signal", interrupt ? "SIGINT" : "SIGTERM"}});
    node.drain({.unready = interrupt ? runtime::duration{0} : drain.unready,
                .finish = interrupt ? drain.interrupt_finish : drain.finish,
                .stop = drain.stop},
               [&] { return signals.wait(0ms) != stop_signal::none; });
    runtime::log_info("node", "stopped");
    return 0;
  }
}

} // namespace

int run_node(const node_options& options) {
  signal_wait signals;
  auto config = read_config(options);
  if (!config)
    return exit_configuration;
  runtime::set_log_level(level_of(config->log));
  std::error_code ec;
  std::filesystem::create_directories(config->node.data_dir, ec);
  if (ec) {
    std::cerr << "node.data_dir: cannot create " << config->node.data_dir
              << ": " << ec.message() << "\n";
    return exit_configuration;
  }
  auto store = open_store(*config);
  if (!store) {
    std::cerr << "the store in " << config->node.data_dir
              << " cannot be opened: " << store.error().context << "\n";
    auto code = store.error().code;
    return code == runtime::errc::io_error || code == runtime::errc::disk_full
             ? exit_store
             : exit_configuration;
  }
  running_node node{*config, std::move(*store), options.executable};
  auto bound = node.start();
  if (!bound) {
    std::cerr << bound.error().context << "\n";
    return bound.error().code == runtime::errc::config_invalid
               || bound.error().code == runtime::errc::io_error
             ? exit_configuration
             : exit_unexpected;
  }
  node.announce(*bound);
  greet(*config, *bound);
  return serve_until_signal(node, signals, config->drain);
}

} // namespace troupe::cluster
