#include "actors/allocator.hpp"

#include "actors/dispatcher.hpp"
#include "actors/model_worker.hpp"
#include "actors/supervisor.hpp"
#include "runtime/log.hpp"
#include "runtime/metrics.hpp"

#include <caf/send.hpp>

#include <map>

namespace troupe::actors {
namespace {

using kind = runtime::pool_step::kind;

class allocator_state {
public:
  static constexpr const char* name = "troupe.allocator";

  allocator_state(allocator_actor::pointer self, actor_env* env,
                  allocator_config config, uint64_t generation)
    : self_{self}, env_{*env}, config_{std::move(config)},
      moves_{config_.roster, config_.limits, config_.drain_max},
      entry_{env_.enrol(self->ctrl(), name,
                        directory::allocator_name(config_.pool), generation)} {
    install_handlers(self, env_);
    for (const auto& m : config_.models)
      for (size_t i = 0; i < config_.roster->size(); ++i)
        places_[directory::worker_name(m.name, i)] = {m.name, i};
  }

  allocator_actor::behavior_type make_behavior() {
    entry_.set_state("calm");
    // A predecessor may have missed who came up.
    for (const auto& [worker, where] : places_)
      if (auto w = env_.directory.find<model_worker_actor>(worker))
        caf::anon_send(w, open_feed{where.model, entry_.generation()});
    arm();
    return {
      [this](const worker_ready& x) { on_worker_ready(x); },
      [this](const worker_gone& x) { on_worker_gone(x); },
      [this](const worker_retired& x) { on_worker_retired(x); },
      [this](const child_rested& x) { on_child_rested(x); },
      [this](allocator_tick_atom) { on_tick(); },
      [this](inspect_actor) { return entry_.snapshot(); },
    };
  }

private:
  struct place {
    std::string model;
    size_t slot = 0;
  };

  // --- what the others say -----------------------------------------------------

  void on_worker_ready(const worker_ready& x) {
    entry_.count();
    const auto* at = place_of(x.worker);
    if (at == nullptr)
      return;
    if (auto load = moves_.ready(at->slot, at->model, env_.mono())) {
      auto took = std::chrono::duration<double>(load->took).count();
      runtime::log_info(
        "allocator", "a worker serves another model",
        {{"pool", config_.pool}, {"worker", x.worker}, {"seconds", took}});
      if (env_.metrics != nullptr)
        env_.metrics->add(runtime::metric::alloc_load_seconds, took, at->model);
    }
    show();
  }

  void on_worker_gone(const worker_gone& x) {
    entry_.count();
    if (const auto* at = place_of(x.worker))
      moves_.died(at->slot, at->model, env_.mono());
    show();
  }

  void on_worker_retired(const worker_retired& x) {
    entry_.count();
    const auto* at = place_of(x.worker);
    if (at == nullptr)
      return;
    moves_.drained(at->slot, at->model, x.running);
    if (x.running == 0)
      perform({.what = kind::rest, .slot = at->slot, .model = at->model});
  }

  void on_child_rested(const child_rested& x) {
    entry_.count();
    const auto* at = place_of(x.child);
    if (at == nullptr)
      return;
    if (auto next = moves_.rested(at->slot, at->model, env_.mono()))
      perform(*next);
    show();
  }

  // --- time --------------------------------------------------------------------

  void on_tick() {
    entry_.count();
    std::vector<runtime::pool_model> models;
    std::map<std::string, double> speeds;
    for (const auto& m : config_.models) {
      auto breaker = env_.board.breaker(m.name).snapshot.state;
      models.push_back(
        {.model = m.name,
         .kind = m.kind,
         .work_s = env_.board.demand(m.name).work_s,
         .limit_s = m.limit_s,
         .workers_min = m.workers_min,
         .workers_max = m.workers_max,
         .breaker_open = breaker == runtime::breaker_state::open});
      speeds[m.name] = m.slots;
    }
    auto steps = moves_.tick(env_.mono(), models, speeds, env_.board.draining);
    if (auto move = moves_.take_move())
      tell(*move);
    for (const auto& step : steps)
      perform(step);
    show();
    arm();
  }

  void tell(const runtime::pool_move& move) {
    const auto& why = move.why;
    runtime::log_info("allocator", "a worker moves",
                      {{"pool", config_.pool},
                       {"slot", move.slot},
                       {"from", why.from},
                       {"to", why.to},
                       {"reason", to_string(why.reason)},
                       {"receiver_drain_s", why.receiver_drain_s},
                       {"donor_drain_after_s", why.donor_drain_after_s},
                       {"threshold_s", why.threshold_s}});
    if (env_.metrics == nullptr)
      return;
    using runtime::metric;
    if (!why.from.empty())
      env_.metrics->add(metric::alloc_moves, 1, why.from, "out");
    env_.metrics->add(metric::alloc_moves, 1, why.to, "in");
  }

  void perform(const runtime::pool_step& step) {
    auto worker = directory::worker_name(step.model, step.slot);
    switch (step.what) {
      case kind::drain:
        return drain(step, worker);
      case kind::yield:
        if (auto w = env_.directory.find<model_worker_actor>(worker))
          caf::anon_send(w, yield_attempts{});
        return;
      case kind::rest:
        if (auto s = supervisor_of(step.model))
          self_->send(s, rest_child{worker});
        return;
      case kind::wake:
        if (auto s = supervisor_of(step.model))
          self_->send(s, wake_child{worker});
        return;
    }
  }

  void drain(const runtime::pool_step& step, const std::string& worker) {
    // One that is down runs nothing.
    if (!env_.directory.find<model_worker_actor>(worker))
      moves_.drained(step.slot, step.model, 0);
    else if (auto d = env_.directory.find<dispatcher_actor>(
               directory::dispatcher_name(step.model)))
      self_->send(d, retire_worker{worker});
  }

  // --- small things ------------------------------------------------------------

  const place* place_of(const std::string& worker) const {
    auto it = places_.find(worker);
    return it == places_.end() ? nullptr : &it->second;
  }

  supervisor_actor supervisor_of(const std::string& model) const {
    return env_.directory.find<supervisor_actor>("supervisor/model/" + model);
  }

  void show() {
    entry_.set_state(moves_.moving() ? "moving" : "calm");
    if (env_.metrics == nullptr)
      return;
    using runtime::metric;
    for (const auto& m : config_.models) {
      auto n = moves_.count(m.name);
      env_.metrics->set(metric::alloc_workers, n.ready, m.name, "ready");
      env_.metrics->set(metric::alloc_workers, n.loading, m.name, "loading");
      env_.metrics->set(metric::alloc_workers, n.draining, m.name, "draining");
    }
  }

  void arm() {
    auto delay = moves_.moving() ? std::chrono::milliseconds{100}
                                 : std::chrono::milliseconds{1'000};
    caf::delayed_anon_send(allocator_actor{self_}, delay,
                           allocator_tick_atom_v);
  }

  allocator_actor::pointer self_;
  actor_env& env_;
  allocator_config config_;
  runtime::pool_moves moves_;
  catalog_entry entry_;
  std::map<std::string, place> places_;
};

} // namespace

allocator_actor spawn_allocator(actor_env& env, allocator_config config,
                                uint64_t generation) {
  return env.spawn<allocator_actor::stateful_impl<allocator_state>>(
    spawn_mode::pooled, &env, std::move(config), generation);
}

} // namespace troupe::actors
