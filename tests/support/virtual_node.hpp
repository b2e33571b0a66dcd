// One whole node on virtual time, in one thread: the real supervision tree, shards,
// jobs, dispatchers and journal over CAF's test scheduler, with a store that the
// test owns and sinks that record. Nothing runs unless the test says so.
#pragma once

#include "actors/actor_env.hpp"
#include "cluster/node_tree.hpp"
#include "gateway/actor_port.hpp"
#include "runtime/storage/memory_store.hpp"
#include "runtime/storage/tiered_store.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace caf::scheduler {
class test_coordinator;
} // namespace caf::scheduler

namespace troupe::tests {

/// Registers message types once per process; call before the first system.
void init_actor_types();

/// Keeps everything that was posted, by ticket, in order.
class recording_sink final : public runtime::client_sink {
public:
  void post(std::vector<runtime::delivery> items) override;

  /// All deliveries of a ticket so far.
  const std::vector<runtime::delivery_body>& of(uint64_t ticket) const;
  /// The latest delivery of type T for the ticket, or null.
  template <class T>
  const T* last(uint64_t ticket) const {
    const auto& all = of(ticket);
    for (auto it = all.rbegin(); it != all.rend(); ++it)
      if (const auto* x = std::get_if<T>(&*it))
        return x;
    return nullptr;
  }
  /// Called for every delivery, in order of posting.
  std::function<void(const runtime::delivery&)> tap;

private:
  std::map<uint64_t, std::vector<runtime::delivery_body>> by_ticket_;
};

/// Virtual time of one node; the wall clock may be skewed.
class virtual_clock final : public runtime::clock {
public:
  runtime::mono_time mono() const noexcept override { return now; }
  runtime::wall_time wall() const noexcept override {
    return runtime::wall_time{now.time_since_epoch()
                              + runtime::duration{1'767'225'600'000'000}}
           + skew;
  }
  runtime::mono_time now{std::chrono::hours{1}};
  runtime::duration skew{0};
};

struct virtual_node_options {
  cluster::tree_config tree;
  /// Empty: nobody is refused for whose job it is.
  std::vector<runtime::tenant_limits> tenants{};
  uint64_t seed = 1;
  /// Which of `n` runnable actors goes next; default: the first.
  std::function<size_t(size_t n)> choose;
};

class virtual_node {
public:
  /// `store` outlives the node. `start` continues an earlier virtual time.
  virtual_node(runtime::store& store, virtual_node_options options,
               runtime::mono_time start = runtime::mono_time{
                 std::chrono::hours{1}});
  /// Stops every actor without letting it finish: a crash of the node.
  ~virtual_node();

  /// Runs until no actor has anything to do. False: stopped by `on_fatal`.
  /// Throws, with the busiest actors, when that never happens.
  bool settle();
  /// Moves time on by `by`, timer by timer, and settles after each.
  bool advance(runtime::duration by);
  /// Settles, then advances until `done` or for `limit` at most.
  bool run_until(const std::function<bool()>& done, runtime::duration limit);

  /// A fresh ticket of the node's sink.
  runtime::sink_ref ticket() { return {sink_number_, ++next_ticket_}; }
  recording_sink& sink() { return *sink_; }
  gateway::actor_port& port() { return *port_; }
  actors::actor_env& env() { return env_; }
  virtual_clock& clock() { return clock_; }
  caf::actor_system& system() { return *system_; }
  caf::scheduler::test_coordinator& scheduler();
  /// Every actor's name, generation, state and message count, for failures.
  std::string states() const;
  /// Exit code of `on_fatal`, once it was called.
  std::optional<int> fatal() const { return fatal_; }

private:
  bool step();

  std::function<size_t(size_t)> choose_;
  virtual_clock clock_;
  runtime::tiered_store store_; ///< The test's, and what is ephemeral.
  actors::actor_env env_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::shared_ptr<recording_sink> sink_;
  uint32_t sink_number_ = 0;
  uint64_t next_ticket_ = 0;
  std::unique_ptr<gateway::actor_port> port_;
  std::optional<int> fatal_;
};

} // namespace troupe::tests
