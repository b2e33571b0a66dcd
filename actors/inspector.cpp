#include "actors/inspector.hpp"

namespace troupe::actors {
namespace {

class inspector_state {
public:
  static constexpr const char* name = "troupe.inspector";

  inspector_state(inspector_actor::pointer self, actor_env* env,
                  uint64_t generation)
    : env_{*env}, entry_{
                    env_.enrol(self->ctrl(), name, "inspector", generation)} {
    install_handlers(self, env_);
  }

  inspector_actor::behavior_type make_behavior() {
    entry_.set_state("idle");
    return {
      [this](const list_actors& x) { return on_list_actors(x); },
      [this](inspect_actor) { return entry_.snapshot(); },
    };
  }

private:
  actor_list on_list_actors(const list_actors& x) {
    entry_.count();
    actor_list list;
    for (auto& line : env_.catalog.snapshot()) {
      if (list.actors.size() >= x.limit)
        break;
      if (x.kind.empty() || line.kind == x.kind)
        list.actors.push_back(std::move(line));
    }
    return list;
  }

  actor_env& env_;
  catalog_entry entry_;
};

} // namespace

inspector_actor spawn_inspector(actor_env& env, uint64_t generation) {
  return env.spawn<inspector_actor::stateful_impl<inspector_state>>(
    spawn_mode::pooled, &env, generation);
}

} // namespace troupe::actors
