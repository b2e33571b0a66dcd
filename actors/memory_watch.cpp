#include "actors/memory_watch.hpp"

#include "runtime/log.hpp"

#include <caf/send.hpp>

namespace troupe::actors {
namespace {

class memory_watch_state {
public:
  static constexpr const char* name = "troupe.memory_watch";
  static constexpr runtime::duration interval = std::chrono::seconds{1};

  memory_watch_state(memory_watch_actor::pointer self, actor_env* env,
                     memory_watch_config config, uint64_t generation)
    : self_{self}, env_{*env}, config_{std::move(config)},
      guard_{config_.bytes_max}, entry_{env_.enrol(self->ctrl(), name,
                                                   "memory_watch",
                                                   generation)} {
    install_handlers(self, env_);
  }

  memory_watch_actor::behavior_type make_behavior() {
    env_.board.memory_bytes_max = config_.bytes_max;
    on_tick();
    return {
      [this](memory_tick_atom) { on_tick(); },
      [this](inspect_actor) { return entry_.snapshot(); },
    };
  }

private:
  void on_tick() {
    auto bytes = config_.measure ? config_.measure() : 0;
    auto before = guard_.level();
    auto level = guard_.update(bytes);
    env_.board.memory_bytes = bytes;
    env_.board.memory = level;
    entry_.set_state(to_string(level).data());
    if (level != before)
      runtime::log_warn("memory", to_string(level),
                        {{"bytes", bytes}, {"bytes_max", config_.bytes_max}});
    self_->delayed_send(self_, interval, memory_tick_atom_v);
  }

  memory_watch_actor::pointer self_;
  actor_env& env_;
  memory_watch_config config_;
  runtime::memory_guard guard_;
  catalog_entry entry_;
};

} // namespace

memory_watch_actor spawn_memory_watch(actor_env& env,
                                      memory_watch_config config,
                                      uint64_t generation) {
  return env.spawn<memory_watch_actor::stateful_impl<memory_watch_state>>(
    spawn_mode::pooled, &env, std::move(config), generation);
}

} // namespace troupe::actors
