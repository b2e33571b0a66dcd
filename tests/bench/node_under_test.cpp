#include "tests/bench/node_under_test.hpp"

#include "tests/bench/http_client.hpp"

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace troupe::bench {

namespace {

std::string binary_of(const bench_options& options) {
  if (!options.node.empty())
    return options.node;
  const std::filesystem::path here{own_executable()};
  return (here.parent_path() / "troupe").string();
}

// Limits that stand for one user's protection are lifted: the bench is a
// thousand users on one address.
std::string write_config(const node_setup& setup) {
  std::filesystem::create_directories(setup.dir);
  const auto path = setup.dir + "/troupe.yaml";
  std::ofstream file{path};
  file << "node: { name: bench, data_dir: " << setup.dir << "/data }\n"
       << "gateway:\n  listen: 127.0.0.1:0\n"
       << "  limits: { streams_per_key_max: 100000 }\n"
       << "admin: { listen: 127.0.0.1:0 }\n"
       << "queue: { queued_jobs_max: 10000000 }\n"
       << "scheduling:\n  order: " << setup.order << "\n"
       << "  admission: { tenant_queued_max: 10000000 }\n"
       << setup.more_scheduling
       << "models:\n  - name: sim\n    backend: simulated\n"
       << "    slots: " << setup.slots << "\n"
       << "    simulated: { service: constant, median_s: " << setup.service_s
       << ", p95_s: " << setup.service_s << ", tokens: " << setup.tokens
       << ", seed: 1 }\n"
       << setup.more_models;
  return path;
}

} // namespace

double await_ready(child_process& node, double limit_s) {
  const auto deadline = node.started_at() + from_seconds(limit_s);
  poller pause;
  while (now() < deadline) {
    if (fetch(node.gateway_port(), "GET", "/readyz").status == 200)
      return to_seconds(now() - node.started_at());
    if (!node.running())
      throw std::runtime_error{"the node ended before it was ready"};
    pause.poll_until(now() + from_seconds(0.001));
  }
  throw std::runtime_error{"the node was not ready in time"};
}

std::unique_ptr<child_process> start_node(const bench_options& options,
                                          const node_setup& setup) {
  const auto config = write_config(setup);
  const auto log = setup.dir + "/node.log";
  auto node = std::make_unique<child_process>(
    std::vector<std::string>{binary_of(options), "serve", "-c", config}, log);
  try {
    node->await_listening(60.0);
    await_ready(*node, 60.0);
  } catch (const std::runtime_error& failed) {
    std::ifstream text{log};
    const std::string said{std::istreambuf_iterator<char>{text}, {}};
    throw std::runtime_error{std::string{failed.what()} + "; its log:\n"
                             + said.substr(0, 2000)};
  }
  return node;
}

} // namespace troupe::bench
