#include "actors/supervisor.hpp"

#include "actors/allocator.hpp"
#include "actors/dispatcher.hpp"
#include "runtime/log.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <unordered_map>

namespace troupe::actors {
namespace {

using action = runtime::supervision_action;
using kind = action::kind;

std::vector<runtime::child_spec> specs_of(const supervisor_config& config,
                                          const directory& names) {
  std::vector<runtime::child_spec> specs;
  for (const auto& child : config.children) {
    specs.push_back(child.spec);
    specs.back().generation = names.generation(child.spec.name);
    specs.back().dormant = child.awake && !child.awake();
  }
  return specs;
}

class supervisor_state {
public:
  static constexpr const char* name = "troupe.supervisor";

  supervisor_state(supervisor_actor::pointer self, actor_env* env,
                   supervisor_config config, uint64_t generation)
    : self_{self}, env_{*env}, config_{std::move(config)},
      plan_{config_.strategy, config_.intensity,
            specs_of(config_, env_.directory)},
      handles_(config_.children.size()), rng_{env_.make_rng()},
      entry_{env_.catalog.enrol(self->ctrl(), name,
                                "supervisor/" + config_.name, generation)} {
    install_handlers(self, env_);
    self->set_down_handler([this](caf::down_msg& x) { on_down(x); });
    self->set_exit_handler([this](caf::exit_msg& x) { on_exit(x); });
  }

  supervisor_actor::behavior_type make_behavior() {
    entry_.set_state("running");
    perform(plan_.start(env_.mono()));
    show_liveness();
    return {
      [this](supervise_tick_atom, uint64_t tick) { on_tick(tick); },
      [this](const stop_children&) { perform(plan_.stop(env_.mono())); },
      [this](const wake_child& x) { on_wake_child(x); },
      [this](const rest_child& x) { on_rest_child(x); },
      [this](drain_atom) { on_drain(); },
      [this](inspect_actor) { return entry_.snapshot(); },
    };
  }

private:
  void on_down(caf::down_msg& x) {
    entry_.count();
    auto it = by_actor_.find(x.source.id());
    if (it == by_actor_.end())
      return;
    auto [child, generation] = it->second;
    if (x.reason && x.reason != caf::exit_reason::user_shutdown)
      runtime::log_warn("supervisor", "a child went down",
                        {{"child", config_.children[child].spec.name},
                         {"generation", generation},
                         {"reason", caf::to_string(x.reason)}});
    by_actor_.erase(it);
    env_.directory.drop(config_.children[child].spec.name, generation);
    tell_listener(child, generation);
    auto how = x.reason && x.reason != caf::exit_reason::user_shutdown
                 ? runtime::exit_kind::crash
                 : runtime::exit_kind::normal;
    perform(plan_.child_down(child, generation, how, env_.mono(), rng_.unit()));
  }

  void on_exit(caf::exit_msg& x) {
    if (x.reason == caf::exit_reason::kill) {
      self_->quit(x.reason);
      return;
    }
    entry_.set_state("stopping");
    perform(plan_.stop(env_.mono()));
  }

  void on_tick(uint64_t tick) {
    if (tick == heartbeat) {
      show_liveness();
    } else if (tick == tick_) {
      armed_ = std::nullopt;
      perform(plan_.timer(env_.mono()));
    }
  }

  void on_drain() {
    plan_.drain();
    entry_.set_state("draining");
    for (size_t i = 0; i < handles_.size(); ++i)
      if (config_.children[i].takes_drain && handles_[i])
        caf::anon_send(handles_[i], drain_atom_v);
  }

  void on_wake_child(const wake_child& x) {
    if (auto i = index_of(x.child))
      perform(plan_.wake(*i, env_.mono()));
  }

  void on_rest_child(const rest_child& x) {
    auto i = index_of(x.child);
    if (!i)
      return;
    perform(plan_.rest(*i, env_.mono()));
    auto who = caf::actor_cast<allocator_actor>(self_->current_sender());
    if (who && plan_.state(*i) == runtime::child_state::dormant)
      caf::anon_send(who, child_rested{x.child});
  }

  std::optional<size_t> index_of(const std::string& child) const {
    for (size_t i = 0; i < config_.children.size(); ++i)
      if (config_.children[i].spec.name == child)
        return i;
    return std::nullopt;
  }

  // --- what the plan decided -------------------------------------------------------

  void perform(runtime::supervision_actions actions) {
    // Starting a child yields further actions: work through them in order.
    for (size_t i = 0; i < actions.size(); ++i) {
      auto more = perform_one(actions[i]);
      actions.insert(actions.end(), more.begin(), more.end());
    }
    arm();
  }

  runtime::supervision_actions perform_one(const action& a) {
    switch (a.what) {
      case kind::start_child:
        return start(a);
      case kind::stop_child:
        caf::anon_send_exit(handles_[a.child], caf::exit_reason::user_shutdown);
        return {};
      case kind::kill_child:
        caf::anon_send_exit(handles_[a.child], caf::exit_reason::kill);
        return {};
      case kind::abandon_child:
      case kind::quarantine_child:
        entry_.set_state("degraded");
        runtime::log_error("supervisor", "gave up on a child",
                           {{"child", config_.children[a.child].spec.name},
                            {"generation", a.generation}});
        ++env_.board.quarantined_actors;
        return {};
      case kind::escalate:
        entry_.set_state("escalating");
        return {};
      case kind::finished:
        finish();
        return {};
    }
    return {};
  }

  runtime::supervision_actions start(const action& a) {
    const auto& child = config_.children[a.child];
    if (plan_.restarts(a.child) > 0)
      ++env_.board.restarts;
    auto handle = child.start(a.generation);
    if (!handle)
      return plan_.child_down(a.child, a.generation, runtime::exit_kind::crash,
                              env_.mono(), rng_.unit());
    env_.directory.put(child.spec.name,
                       caf::actor_cast<caf::strong_actor_ptr>(handle),
                       a.generation);
    by_actor_[handle.id()] = {a.child, a.generation};
    handles_[a.child] = handle;
    self_->monitor<caf::message_priority::high>(handle);
    return plan_.child_started(a.child, a.generation, env_.mono());
  }

  void finish() {
    if (plan_.escalated() && config_.root && env_.on_fatal)
      env_.on_fatal(13, "the root supervisor gave up");
    if (plan_.escalated())
      self_->quit(caf::make_error(caf::sec::runtime_error, "escalated"));
    else
      self_->quit(caf::exit_reason::user_shutdown);
  }

  void tell_listener(size_t child, uint64_t generation) {
    if (config_.listener.empty())
      return;
    if (auto d = env_.directory.find<dispatcher_actor>(config_.listener))
      caf::anon_send(
        d, child_notice{config_.children[child].spec.name, generation});
  }

  void arm() {
    auto due = plan_.next_timer();
    if (!due || (armed_ && *armed_ <= *due))
      return;
    armed_ = due;
    auto delay = std::max(runtime::duration{1'000}, env_.time_until(*due));
    self_->delayed_send(self_, delay, supervise_tick_atom_v, ++tick_);
  }

  /// The root's heartbeat, which /healthz reads.
  void show_liveness() {
    if (!config_.root)
      return;
    env_.board.root_seen_us = env_.mono().time_since_epoch().count();
    self_->delayed_send(self_, std::chrono::milliseconds{250},
                        supervise_tick_atom_v, heartbeat);
  }

  static constexpr uint64_t heartbeat = 0;

  supervisor_actor::pointer self_;
  actor_env& env_;
  supervisor_config config_;
  runtime::supervision_plan plan_;
  std::vector<caf::actor> handles_;
  runtime::seeded_rng rng_;
  catalog_entry entry_;
  std::unordered_map<caf::actor_id, std::pair<size_t, uint64_t>> by_actor_;
  std::optional<runtime::mono_time> armed_;
  uint64_t tick_ = 0;
};

} // namespace

supervisor_actor spawn_supervisor(actor_env& env, supervisor_config config,
                                  uint64_t generation) {
  return env.spawn<supervisor_actor::stateful_impl<supervisor_state>>(
    spawn_mode::pooled, &env, std::move(config), generation);
}

} // namespace troupe::actors
