#include "cluster/running_node.hpp"

#include "actors/actor_env.hpp"
#include "actors/inspector.hpp"
#include "cluster/node_metrics.hpp"
#include "gateway/actor_port.hpp"
#include "runtime/log.hpp"
#include "runtime/metrics.hpp"

#include <caf/actor_cast.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include <unistd.h>

namespace troupe::cluster {

using namespace std::chrono_literals;
using runtime::errc;

namespace {

/// Ends the process at once: after a failed sync nothing may be told any more.
[[noreturn]] void die(int code, const std::string& why) {
  runtime::log_error("node", why, {{"exit", code}});
  std::fflush(nullptr);
  _exit(code);
}

void pause(runtime::duration time) {
  std::this_thread::sleep_for(time); // tidy: seams: the main thread waits
}

std::vector<std::string> model_names(const runtime::config& config) {
  std::vector<std::string> names;
  for (const auto& m : config.models)
    names.push_back(m.name);
  return names;
}

gateway::class_defaults defaults_of(const runtime::class_settings& x) {
  return {.wait = std::chrono::ceil<std::chrono::seconds>(x.wait),
          .durable = x.durable};
}

gateway::gateway_config gateway_settings(const runtime::config& c) {
  const auto& l = c.gateway.limits;
  auto ms = [](runtime::duration d) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(d);
  };
  gateway::gateway_config g;
  g.listen = {c.gateway.listen.host, c.gateway.listen.port};
  g.admin_listen = {c.admin.listen.host, c.admin.listen.port};
  g.io_threads = c.gateway.threads;
  g.limits.framing = {.request_line_bytes_max = l.request_line_bytes_max,
                      .header_bytes_max = l.header_bytes_max,
                      .header_fields_max = l.header_fields_max,
                      .body_bytes_max = l.body_bytes_max};
  g.limits.json_depth_max = l.json_depth_max;
  g.limits.header_timeout = ms(l.header_timeout);
  g.limits.body_timeout = ms(l.body_timeout);
  g.limits.keep_alive = ms(l.keep_alive);
  g.limits.connections_max = l.connections_max;
  g.limits.connections_per_ip_max = l.connections_per_ip_max;
  g.limits.streams_max = l.streams_per_key_max;
  g.limits.sse_buffer_bytes_max = l.sse_buffer_bytes_max;
  g.limits.sse_heartbeat = ms(l.heartbeat);
  const auto& classes = c.scheduling.classes;
  g.classes = {{"interactive", defaults_of(classes.interactive)},
               {"standard", defaults_of(classes.standard)},
               {"batch", defaults_of(classes.batch)}};
  return g;
}

std::unique_ptr<caf::actor_system>
make_system(caf::actor_system_config& config) {
  caf::init_global_meta_objects<caf::id_block::troupe>();
  caf::core::init_global_meta_objects();
  configure_caf(config);
  return std::make_unique<caf::actor_system>(config);
}

} // namespace

struct running_node::parts {
  parts(runtime::config c, std::unique_ptr<runtime::store> s, std::string exe)
    : config{std::move(c)}, store{std::move(s)}, all{*store,
                                                     runtime::system_clock()},
      executable{std::move(exe)}, metrics{model_names(config)} {}

  runtime::config config;
  std::unique_ptr<runtime::store> store;
  runtime::tiered_store all; ///< `store`, and what is ephemeral.
  std::string executable;
  runtime::metrics metrics;
  caf::actor_system_config caf_config;
  actors::actor_env env;
  std::unique_ptr<caf::actor_system> system;
  actors::supervisor_actor root;
  std::unique_ptr<gateway::actor_port> port;
  std::unique_ptr<gateway::board_status> status;
  std::unique_ptr<gateway::actor_breakers> breakers;
  std::unique_ptr<gateway::table_tenants> tenants;
  std::unique_ptr<gateway::server> server;

  void start_actors();
  runtime::result<void> wait_for_shards();
  runtime::result<gateway::bound_addresses> start_gateway();
  void stop_actors(runtime::duration limit);
};

running_node::running_node(runtime::config config,
                           std::unique_ptr<runtime::store> store,
                           std::string executable)
  : parts_{std::make_unique<parts>(std::move(config), std::move(store),
                                   std::move(executable))} {}

running_node::~running_node() {
  if (parts_->server)
    parts_->server->stop();
  if (parts_->system)
    parts_->stop_actors(5s);
}

runtime::result<gateway::bound_addresses> running_node::start() {
  parts_->start_actors();
  if (auto loaded = parts_->wait_for_shards(); !loaded)
    return loaded.error();
  return parts_->start_gateway();
}

void running_node::parts::start_actors() {
  system = make_system(caf_config);
  env.system = system.get();
  env.clock = &runtime::system_clock();
  env.metrics = &metrics;
  env.node = config.node.name;
  env.seed = runtime::entropy_seed();
  env.on_fatal = [](int code, const std::string& why) { die(code, why); };
  env.tenants.configure(tenants_of(config),
                        static_cast<uint16_t>(config.shards));
  collect_node(metrics, env);
  root = spawn_node_tree(env, all, make_tree_config(config, executable));
}

runtime::result<void> running_node::parts::wait_for_shards() {
  constexpr auto limit = 60s;
  auto since = env.mono();
  while (env.board.shards_ready + env.board.shards_quarantined
         < env.board.shards_total) {
    if (env.mono() - since > limit)
      return runtime::fail(errc::timeout, "the shards did not load in 60 s");
    pause(2ms);
  }
  if (env.board.shards_ready == 0)
    return runtime::fail(errc::config_invalid,
                         "no shard of the store in " + config.node.data_dir
                           + " can be loaded; the log says why");
  return {};
}

runtime::result<gateway::bound_addresses> running_node::parts::start_gateway() {
  port = std::make_unique<gateway::actor_port>(
    env, static_cast<uint16_t>(config.shards));
  status = std::make_unique<gateway::board_status>(env, store->health());
  breakers = std::make_unique<gateway::actor_breakers>(env);
  tenants = std::make_unique<gateway::table_tenants>(env.tenants, *env.clock);
  server = std::make_unique<gateway::server>(
    gateway_settings(config), gateway::gateway_parts{.jobs = *port,
                                                     .status = *status,
                                                     .breakers = *breakers,
                                                     .tenants = *tenants,
                                                     .sinks = env.sinks,
                                                     .clock = *env.clock,
                                                     .metrics_text = [this] {
                                                       return metrics.expose();
                                                     }});
  collect_gateway(metrics, server->counters());
  return server->start();
}

void running_node::announce(const gateway::bound_addresses& bound) const {
  auto line = "{\"event\":\"listening\",\"gateway\":\"" + bound.gateway
              + "\",\"admin\":\"" + bound.admin
              + "\",\"pid\":" + std::to_string(getpid()) + "}";
  auto path = parts_->config.node.data_dir + "/listening.json";
  // tidy: seams: the node's address file
  const bool written{std::ofstream{path + ".new"} << line << std::endl};
  std::error_code ec;
  if (written) // A full disk must not replace it with half a line.
    std::filesystem::rename(path + ".new", path, ec);
  if (!written || ec)
    runtime::log_warn(
      "node", "cannot write listening.json",
      {{"reason", ec ? ec.message() : "the disk takes no more"}});
  std::cout << line << std::endl;
}

void running_node::drain(const drain_plan& plan,
                         const std::function<bool()>& hurry) {
  auto& p = *parts_;
  auto wait = [&](runtime::duration limit, auto done) {
    auto since = p.env.mono();
    while (p.env.mono() - since < limit && !done()) {
      if (hurry())
        return false;
      pause(10ms);
    }
    return true;
  };
  p.env.board.unready = true;
  bool calm = wait(plan.unready, [] { return false; });
  p.env.board.draining = true;
  p.server->drain();
  caf::anon_send(p.root, actors::drain_atom_v);
  if (calm)
    wait(plan.finish, [&] { return p.env.board.attempts_running == 0; });
  p.server->stop();
  p.stop_actors(plan.stop);
}

void running_node::parts::stop_actors(runtime::duration limit) {
  if (!system)
    return;
  auto handle = caf::actor_cast<caf::actor>(root);
  // A handler that is stuck must not keep the process: everything acknowledged
  // is on the disk, so ending it here loses nothing.
  std::jthread watchdog{// tidy: seams: outlives actors
                        [limit](std::stop_token stop) {
                          auto steps = std::max<int64_t>(1, limit / 20ms) + 50;
                          for (int64_t i = 0;
                               i < steps && !stop.stop_requested(); ++i)
                            pause(20ms);
                          if (!stop.stop_requested())
                            die(1, "the actors did not stop in time");
                        }};
  {
    caf::scoped_actor self{*system};
    self->monitor(handle);
    caf::anon_send(root, actors::stop_children{});
    self->receive([](caf::down_msg&) {});
  }
  root = nullptr;
  env.directory.clear();
  system.reset();
  store.reset();
}

} // namespace troupe::cluster
