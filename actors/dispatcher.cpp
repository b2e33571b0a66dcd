#include "actors/dispatcher.hpp"

#include "actors/model_worker.hpp"
#include "actors/queue_shard.hpp"
#include "runtime/scheduling/dispatch_core.hpp"

#include <caf/send.hpp>

#include <map>

namespace troupe::actors {
namespace {

class dispatcher_state {
public:
  static constexpr const char* name = "troupe.dispatcher";

  dispatcher_state(dispatcher_actor::pointer self, actor_env* env,
                   dispatcher_config config, uint64_t generation)
    : self_{self}, env_{*env}, config_{std::move(config)},
      core_{config_.lease_timeout}, entry_{env_.enrol(
                                      self->ctrl(), name,
                                      directory::dispatcher_name(config_.model),
                                      generation)} {
    install_handlers(self, env_);
  }

  dispatcher_actor::behavior_type make_behavior() {
    open_feeds();
    entry_.set_state("open");
    return {
      [this](announce_heads& x) { on_announce_heads(x); },
      [this](lease_answer& x) { on_lease_answer(x); },
      [this](worker_ready& x) { on_worker_ready(x); },
      [this](worker_gone& x) { on_worker_gone(x.worker, x.generation); },
      [this](const attempt_freed& x) { on_attempt_freed(x); },
      [this](child_notice& x) { on_worker_gone(x.child, x.generation); },
      [this](dispatch_tick_atom) { on_tick(); },
      [this](drain_atom) { on_drain(); },
      [this](inspect_actor) { return entry_.snapshot(); },
    };
  }

private:
  void open_feeds() {
    open_feed hello{config_.model, entry_.generation()};
    for (uint16_t k = 0; k < config_.shards; ++k)
      if (auto shard =
            env_.directory.shard<queue_shard_actor>(runtime::shard_id{k}))
        self_->send(shard, hello);
    for (size_t i = 0; i < config_.workers; ++i)
      if (auto worker = env_.directory.find<model_worker_actor>(
            directory::worker_name(config_.model, i)))
        self_->send(worker, hello);
  }

  void on_announce_heads(announce_heads& x) {
    entry_.count();
    core_.announce(x.shard, std::move(x.heads));
    dispatch();
  }

  void on_lease_answer(lease_answer& x) {
    entry_.count();
    for (auto id : x.granted)
      core_.granted(id.job, id);
    for (auto id : x.refused)
      core_.refused(id);
    core_.announce(x.shard, std::move(x.heads));
    dispatch();
  }

  void on_worker_ready(worker_ready& x) {
    entry_.count();
    continues_[x.worker] = x.description.continues_prefix;
    tell_lost(core_.register_worker(x.worker, x.generation, x.description.slots,
                                    std::move(x.running)));
    dispatch();
  }

  void on_worker_gone(const std::string& worker, uint64_t generation) {
    entry_.count();
    tell_lost(core_.withdraw(worker, generation));
  }

  void on_attempt_freed(const attempt_freed& x) {
    entry_.count();
    core_.freed(x.worker, x.id);
    dispatch();
  }

  void on_tick() {
    armed_ = false;
    dispatch();
  }

  void on_drain() {
    draining_ = true;
    entry_.set_state("draining");
  }

  void dispatch() {
    if (draining_)
      return;
    std::map<runtime::shard_id, lease_jobs> requests;
    for (auto& order : core_.pick(env_.mono())) {
      auto& r = requests[order.shard];
      r.model = config_.model;
      r.requests.push_back({.job = order.job,
                            .after_attempt = order.after_attempt,
                            .worker = order.worker,
                            .continues_prefix = continues_[order.worker]});
    }
    for (auto& [shard, request] : requests)
      if (auto handle = env_.directory.shard<queue_shard_actor>(shard))
        self_->send(handle, std::move(request));
      else
        ++env_.letters.undeliverable;
    arm();
  }

  /// Attempts of a dead worker: their jobs' shards must know.
  void tell_lost(const std::vector<runtime::attempt_id>& lost) {
    std::map<runtime::shard_id, attempts_lost> by_shard;
    for (auto id : lost)
      by_shard[id.job.shard()].attempts.push_back(id);
    for (auto& [shard, message] : by_shard)
      if (auto handle = env_.directory.shard<queue_shard_actor>(shard))
        caf::anon_send(handle, std::move(message));
  }

  void arm() {
    auto due = core_.next_due();
    if (!due || armed_)
      return;
    armed_ = true;
    auto delay = std::max(runtime::duration{10'000}, env_.time_until(*due));
    caf::delayed_anon_send(dispatcher_actor{self_}, delay,
                           dispatch_tick_atom_v);
  }

  dispatcher_actor::pointer self_;
  actor_env& env_;
  dispatcher_config config_;
  runtime::dispatch_core core_;
  catalog_entry entry_;
  std::map<std::string, bool> continues_;
  bool draining_ = false;
  bool armed_ = false;
};

} // namespace

dispatcher_actor spawn_dispatcher(actor_env& env, dispatcher_config config,
                                  uint64_t generation) {
  return env.spawn<dispatcher_actor::stateful_impl<dispatcher_state>>(
    spawn_mode::pooled, &env, std::move(config), generation);
}

} // namespace troupe::actors
