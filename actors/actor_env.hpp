// What every actor is given: the seams to the outside and the node's tables. One
// per node; outlives the actor system.
#pragma once

#include "actors/catalog.hpp"
#include "actors/directory.hpp"
#include "runtime/client_sink.hpp"
#include "runtime/clock.hpp"
#include "runtime/node_board.hpp"
#include "runtime/overload/tenant_table.hpp"
#include "runtime/rng.hpp"

#include <caf/actor_system.hpp>
#include <caf/spawn_options.hpp>

#include <atomic>
#include <functional>
#include <string>

namespace troupe::runtime {
class metrics;
} // namespace troupe::runtime

namespace troupe::actors {

/// Where an actor's messages run. The simulation spawns everything pooled.
enum class spawn_mode : uint8_t {
  pooled,   ///< On CAF's scheduler; must never block.
  detached, ///< Its own thread; may block on the disk.
};

/// Counts what must not happen, by cause; see docs/metrics.md.
struct system_letters {
  std::atomic<uint64_t> undeliverable{0}; ///< Nobody bears the name.
  std::atomic<uint64_t> unmatched{0};     ///< No handler for the message.
  std::atomic<uint64_t> errors{0};        ///< An error arrived as a message.
  std::atomic<uint64_t> exceptions{0};    ///< A handler threw; its actor died.
  std::atomic<uint64_t> stale{0};         ///< Of an older epoch or generation.
};

struct actor_env {
  caf::actor_system* system = nullptr;
  const runtime::clock* clock = nullptr;
  runtime::metrics* metrics = nullptr; ///< Null in tests.
  std::string node = "a";
  runtime::sink_directory sinks;
  runtime::node_board board;
  runtime::tenant_table tenants; ///< Filled before actors are spawned.
  actors::catalog catalog;
  actors::directory directory;
  system_letters letters;
  spawn_mode blocking = spawn_mode::detached;
  /// Ends the process with the code (api.md section 20) after logging `why`.
  /// Called at most once, from any thread.
  std::function<void(int code, std::string why)> on_fatal;

  /// A fresh generator; seeds differ in a reproducible order.
  runtime::seeded_rng make_rng() {
    return runtime::seeded_rng{seed.fetch_add(0x9E3779B97F4A7C15u)};
  }
  std::atomic<uint64_t> seed{0};

  runtime::mono_time mono() const noexcept { return clock->mono(); }
  runtime::wall_time wall() const noexcept { return clock->wall(); }
  /// Zero when `at` has passed, however long ago.
  runtime::duration time_until(runtime::mono_time at) const noexcept {
    auto now = mono();
    return at <= now ? runtime::duration{0} : at - now;
  }

  /// A long-lived actor's line in the catalog and its name in the directory.
  /// From its constructor: whoever hears of it can already find it.
  catalog_entry enrol(caf::actor_control_block* self, const char* kind,
                      const std::string& name, uint64_t generation) {
    directory.put(name, caf::strong_actor_ptr{self}, generation);
    return catalog.enrol(caf::weak_actor_ptr{self}, kind, name, generation);
  }

  /// Spawns `Impl` pooled, or on its own thread when `mode` says so.
  template <class Impl, class... Ts>
  auto spawn(spawn_mode mode, Ts&&... xs) {
    return mode == spawn_mode::detached
             ? system->spawn<Impl, caf::detached>(std::forward<Ts>(xs)...)
             : system->spawn<Impl>(std::forward<Ts>(xs)...);
  }
};

} // namespace troupe::actors
