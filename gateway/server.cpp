#include "gateway/server.hpp"

#include "gateway/io_thread.hpp"
#include "gateway/listener.hpp"
#include "gateway/routes_node.hpp"
#include "runtime/rng.hpp"

#include <algorithm>
#include <thread>
#include <vector>

namespace troupe::gateway {

// Order matters: listeners and threads end before what they use.
struct server::state {
  gateway_config config;
  gateway_counters counters;
  gateway_shared shared;
  std::vector<std::unique_ptr<io_thread>> threads;
  std::shared_ptr<listener> public_listener;
  std::shared_ptr<listener> admin_listener;
  // tidy: seams: the gateway's own I/O threads
  std::vector<std::thread> running;

  state(gateway_config given, gateway_parts parts)
    : config{std::move(given)}, shared{config, std::move(parts), counters} {}
};

server::server(gateway_config config, gateway_parts parts)
  : state_{std::make_unique<state>(std::move(config), std::move(parts))} {}

server::~server() {
  stop();
}

runtime::result<bound_addresses> server::start() {
  auto& s = *state_;
  const auto count = std::clamp<uint32_t>(s.config.io_threads, 1, 64);
  for (uint32_t i = 0; i < count; ++i)
    s.threads.push_back(
      std::make_unique<io_thread>(s.shared, runtime::entropy_seed()));
  s.public_listener =
    std::make_shared<listener>(s.threads, site{public_routes()});
  s.admin_listener =
    std::make_shared<listener>(s.threads, site{admin_routes(), false});
  auto opened = s.public_listener->open(s.config.listen);
  if (opened)
    opened = s.admin_listener->open(s.config.admin_listen);
  if (!opened) {
    s.public_listener.reset();
    s.admin_listener.reset();
    s.threads.clear();
    return opened.error();
  }
  s.public_listener->start();
  s.admin_listener->start();
  for (auto& thread : s.threads) {
    // tidy: seams: the gateway's own I/O threads
    s.running.emplace_back([&thread] { thread->run(); });
  }
  return bound_addresses{s.public_listener->bound_address(),
                         s.admin_listener->bound_address()};
}

void server::drain() {
  auto& s = *state_;
  s.shared.draining = true;
  if (s.public_listener)
    s.public_listener->stop();
  for (auto& thread : s.threads)
    thread->begin_drain();
}

void server::stop() {
  auto& s = *state_;
  if (s.running.empty())
    return;
  s.shared.draining = true;
  s.public_listener->stop();
  s.admin_listener->stop();
  for (auto& thread : s.threads)
    thread->stop();
  for (auto& x : s.running)
    x.join();
  s.running.clear();
  s.public_listener.reset();
  s.admin_listener.reset();
  s.threads.clear();
}

const gateway_counters& server::counters() const noexcept {
  return state_->counters;
}

} // namespace troupe::gateway
