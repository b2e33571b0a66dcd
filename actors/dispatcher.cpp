#include "actors/dispatcher.hpp"

#include "actors/allocator.hpp"
#include "actors/circuit_breaker.hpp"
#include "actors/dispatch_meter.hpp"
#include "actors/model_worker.hpp"
#include "actors/queue_shard.hpp"
#include "actors/worker_watch.hpp"
#include "runtime/metrics.hpp"
#include "runtime/scheduling/cost_keeper.hpp"
#include "runtime/scheduling/cost_model_codec.hpp"
#include "runtime/scheduling/lease_ahead.hpp"

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
      core_{config_.dispatch}, policy_{config_.boost, config_.prior},
      permits_{env_.mono()}, demand_{config_.demand},
      watch_{env_, config_.model, core_}, meter_{env_, config_.model,
                                                 config_.rules},
      entry_{env_.enrol(self->ctrl(), name,
                        directory::dispatcher_name(config_.model),
                        generation)} {
    install_handlers(self, env_);
  }

  dispatcher_actor::behavior_type make_behavior() {
    published_ = policy_.publish({}, env_.mono());
    meter_.begun(entry_.generation());
    open_feeds();
    ask_breaker(0);
    entry_.set_state("open");
    return {
      [this](announce_heads& x) { on_announce_heads(x); },
      [this](lease_answer& x) { on_lease_answer(x); },
      [this](const backlog_report& x) { on_backlog_report(x); },
      [this](const attempt_measured& x) { on_attempt_measured(x); },
      [this](worker_ready& x) { on_worker_ready(x); },
      [this](worker_gone& x) { on_worker_gone(x.worker, x.generation); },
      [this](const attempt_freed& x) { on_attempt_freed(x); },
      [this](const attempt_parked& x) { on_attempt_parked(x); },
      [this](const breaker_changed& x) { on_breaker_changed(x); },
      [this](const child_notice& x) { on_child_notice(x); },
      [this](dispatch_tick_atom) { on_tick(); },
      [this](policy_tick_atom) { on_policy_tick(); },
      [this](const retire_worker& x) { on_retire_worker(x); },
      [this](costs_tick_atom) { on_costs_tick(); },
      [this](drain_atom) { on_drain(); },
      [this](dispatch_now_atom) { on_dispatch_now(); },
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
    if (x.reset) {
      // The shard is new, and so must be what it knows.
      core_.reset(x.shard);
      policy_.forget(x.shard);
      resume(x.policy);
      tell_policy(x.shard);
    }
    core_.announce(x.shard, x.queues);
    meter_.announced(x.at);
    want_dispatch();
  }

  void on_lease_answer(lease_answer& x) {
    entry_.count();
    std::vector<runtime::lost_attempt> lost;
    for (const auto& lease : x.granted) {
      auto outcome = core_.granted(lease, env_.mono());
      meter_.granted(outcome.took);
      permits_.granted(lease.id.job);
      if (outcome.lost)
        lost.push_back({.id = lease.id, .ran = false});
    }
    tell_lost(lost);
    meter_.refused(x.refused.size());
    for (const auto& lease : x.refused) {
      core_.refused(lease);
      if (auto ticket = permits_.refused(lease.job))
        give_back(*ticket);
    }
    core_.announce(x.shard, x.queues);
    want_dispatch();
  }

  void on_backlog_report(const backlog_report& x) {
    entry_.count();
    policy_.backlog(x.shard, x.due_work_s, x.waiting);
    for (auto ratio : x.wait_ratios)
      policy_.waited(ratio);
    demand_.arrived(x.arrived_work_s);
    // Of an idle model's shards as well.
    if (x.arrived_work_s > 0)
      arm_policy();
  }

  void on_attempt_measured(const attempt_measured& x) {
    entry_.count();
    policy_.measured({.job = runtime::features_of(*x.spec),
                      .input_tokens = static_cast<double>(x.input_tokens),
                      .output_tokens = static_cast<double>(x.output_tokens),
                      .seconds = std::chrono::duration<double>(x.ran).count(),
                      .whole = x.whole});
    meter_.measured(x);
    arm_keeping();
  }

  // --- what was learnt -----------------------------------------------------------

  void arm_keeping() {
    auto due = keeper_.due(policy_.costs().samples(), env_.mono());
    if (!due || (keeping_at_ && *keeping_at_ <= *due))
      return;
    keeping_at_ = due;
    caf::delayed_anon_send(
      dispatcher_actor{self_},
      std::max(runtime::duration{1}, env_.time_until(*due)), costs_tick_atom_v);
  }

  void on_costs_tick() {
    if (!keeping_at_ || *keeping_at_ > env_.mono())
      return; // An earlier one did it.
    keeping_at_ = std::nullopt;
    keep_costs();
  }

  void keep_costs() {
    auto home = runtime::home_shard(config_.model, config_.shards);
    auto shard = env_.directory.shard<queue_shard_actor>(home);
    auto samples = policy_.costs().samples();
    if (!shard || !keeper_.due(samples, env_.mono()))
      return;
    keeper_.kept(samples, env_.mono());
    self_->send(shard, keep_value{runtime::costs_name(config_.model),
                                  runtime::encode(policy_.costs())});
  }

  void on_worker_ready(worker_ready& x) {
    entry_.count();
    continues_[x.worker] = x.description.continues_prefix;
    policy_.describe(x.description.context_length);
    tell_lost(core_.register_worker(x.worker, x.generation, x.description.slots,
                                    x.running, env_.mono(), x.parked));
    if (x.description.can_park)
      core_.set_parking(x.worker,
                        runtime::duration{x.description.switch_cost_us});
    watch_.came(x.worker);
    publish();
    dispatch();
  }

  void on_worker_gone(const std::string& worker, uint64_t generation) {
    entry_.count();
    tell_lost(core_.withdraw(worker, generation));
    if (!core_.load(worker))
      watch_.went(worker);
    publish();
  }

  void on_attempt_freed(const attempt_freed& x) {
    entry_.count();
    auto now = env_.mono();
    core_.freed(x.worker, x.id, x.ran);
    if (x.next)
      core_.started(x.worker, *x.next, now);
    core_.seat_waiting(x.worker, now);
    if (x.at > runtime::mono_time{})
      lead_.heard(now - x.at);
    if (x.arrived)
      lead_.arrived(*x.arrived);
    lead_.served(x.ran);
    watch_.heard(x);
    want_dispatch();
  }

  void on_attempt_parked(const attempt_parked& x) {
    entry_.count();
    auto now = env_.mono();
    core_.parked(x.worker, x.id, x.key, now);
    if (x.next)
      core_.started(x.worker, *x.next, now);
    core_.seat_waiting(x.worker, now);
    want_dispatch();
  }

  void on_retire_worker(const retire_worker& x) {
    entry_.count();
    core_.hold(x.worker, runtime::worker_hold::retired, true);
    // Of one that did not introduce itself yet it cannot say what runs there.
    auto running = core_.load(x.worker);
    auto who = caf::actor_cast<allocator_actor>(self_->current_sender());
    if (running && who)
      caf::anon_send(who, worker_retired{x.worker, *running});
  }

  void on_child_notice(const child_notice& x) {
    if (x.child == directory::breaker_name(config_.model))
      permits_.breaker_down(x.generation, env_.mono());
    else
      on_worker_gone(x.child, x.generation);
  }

  // --- the breaker -------------------------------------------------------------

  void on_breaker_changed(const breaker_changed& x) {
    entry_.count();
    permits_.heard(x.news);
    dispatch();
    for (auto ticket : permits_.take_unused())
      give_back(ticket);
  }

  void ask_breaker(size_t wanted) {
    if (auto b = env_.directory.find<circuit_breaker_actor>(
          directory::breaker_name(config_.model)))
      caf::anon_send(b, ask_permits{static_cast<uint32_t>(wanted)});
  }

  void give_back(runtime::call_ticket ticket) {
    report_call(env_, config_.model,
                {.ticket = ticket, .result = runtime::call_result::uncounted});
  }

  // --- leasing -----------------------------------------------------------------

  void on_tick() {
    if (armed_at_ && *armed_at_ <= env_.mono())
      armed_at_ = std::nullopt;
    dispatch();
  }

  /// Once for all messages that wait: each of them may change the choice.
  void want_dispatch() {
    if (std::exchange(dispatch_wanted_, true))
      return;
    caf::anon_send(dispatcher_actor{self_}, dispatch_now_atom_v);
  }

  void on_dispatch_now() {
    if (dispatch_wanted_)
      dispatch();
  }

  /// Nothing waits at the workers of a model whose breaker is not closed.
  void renew_lead(runtime::mono_time now) {
    constexpr runtime::duration every = std::chrono::milliseconds{100};
    bool closed = permits_.closed();
    if (led_at_ && now - *led_at_ < every && closed == led_)
      return;
    led_at_ = now;
    led_ = closed;
    core_.set_lead(closed ? lead_.ratio() : 0);
  }

  void on_drain() {
    draining_ = true;
    keep_costs();
    entry_.set_state("draining");
  }

  void dispatch() {
    dispatch_wanted_ = false;
    auto now = env_.mono();
    if (draining_)
      return tell_workers(core_.resume(now, true)); // They are to end.
    watch_.review();
    std::map<runtime::shard_id, lease_jobs> requests;
    renew_lead(now);
    tell_workers(core_.resume(now, false));
    auto orders = core_.pick(now, permits_.limit(now));
    meter_.picked(core_, orders);
    for (auto& order : orders) {
      policy_.leased(order.work_s);
      auto& r = requests[order.shard];
      r.model = config_.model;
      r.generation = entry_.generation();
      r.requests.push_back({.job = order.job,
                            .after_attempt = order.after_attempt,
                            .tenant = std::move(order.tenant),
                            .worker = order.worker,
                            .stamp = order.stamp,
                            .continues_prefix = continues_[order.worker],
                            .ticket = permits_.take(order.job),
                            .gate = order.gate});
    }
    for (auto& [shard, request] : requests)
      if (auto handle = env_.directory.shard<queue_shard_actor>(shard))
        self_->send(handle, std::move(request));
      else
        ++env_.letters.undeliverable;
    tell_workers(core_.resume(now, true));
    if (permits_.closed())
      preempt(now);
    auto wanted = core_.wanted();
    if (permits_.should_ask(wanted, now))
      ask_breaker(wanted);
    arm();
    arm_policy();
  }

  void preempt(runtime::mono_time now) {
    for (const auto& x : core_.preempt(now))
      if (auto worker = env_.directory.find<model_worker_actor>(x.worker))
        caf::anon_send(worker, preempt_attempt{x.id, x.keep_cache});
  }

  void tell_workers(const std::vector<runtime::resume_wish>& wishes) {
    for (const auto& x : wishes)
      if (auto worker = env_.directory.find<model_worker_actor>(x.worker))
        caf::anon_send(worker, resume_attempt{x.id});
  }

  void resume(const std::shared_ptr<const runtime::model_policy>& last) {
    auto now = env_.mono();
    if (!last)
      return;
    bool resumed = policy_.resume(*last, now);
    bool learnt = last->costs && policy_.adopt(*last->costs);
    if (resumed || learnt)
      keeper_.kept(policy_.costs().samples(), now);
    if (learnt)
      publish(); // The other shards know less.
    else if (resumed)
      renew_policy(now);
  }

  /// Each second while there is something to do.
  void on_policy_tick() {
    policy_armed_ = false;
    publish();
    dispatch();
  }

  void publish() {
    auto now = env_.mono();
    core_.correct_charges(now);
    renew_policy(now);
    for (uint16_t k = 0; k < config_.shards; ++k)
      tell_policy(runtime::shard_id{k});
    show_demand(now);
  }

  void show_demand(runtime::mono_time now) {
    auto demand =
      demand_.measure(now, {.due_s = policy_.due_work_s(),
                            .running_s = core_.running_work_s(now),
                            .slots = core_.slots_total(),
                            .workers = core_.workers(),
                            .load_time = env_.board.load_time(config_.model)});
    env_.board.set_demand(config_.model, demand);
    if (env_.metrics != nullptr)
      env_.metrics->set(runtime::metric::scale_desired_workers,
                        demand.desired_workers, config_.model);
  }

  void renew_policy(runtime::mono_time now) {
    auto view = seen(now);
    auto running_s = view.running_s;
    published_ = policy_.publish(std::move(view), now);
    meter_.published(core_, policy_, *published_, running_s);
  }

  runtime::policy_source::state seen(runtime::mono_time now) {
    return {.capacity = static_cast<double>(core_.slots_total()),
            .running_s = core_.running_work_s(now),
            .slots_free = core_.slots_free(),
            .tenants = static_cast<uint32_t>(core_.gate().waiting()),
            .breaker_closed = permits_.closed(),
            .front = core_.front()};
  }

  void tell_policy(runtime::shard_id k) {
    if (auto shard = env_.directory.shard<queue_shard_actor>(k))
      self_->send(shard, publish_policy{config_.model, published_});
  }

  void arm_policy() {
    bool calm = core_.idle() && !policy_.work_waits() && !demand_.changing()
                && watch_.all_in();
    if (policy_armed_ || calm)
      return;
    policy_armed_ = true;
    caf::delayed_anon_send(dispatcher_actor{self_}, std::chrono::seconds{1},
                           policy_tick_atom_v);
  }

  /// Attempts of a dead worker: their jobs' shards must know.
  void tell_lost(const std::vector<runtime::lost_attempt>& lost) {
    std::map<runtime::shard_id, attempts_lost> by_shard;
    for (const auto& x : lost)
      by_shard[x.id.job.shard()].attempts.push_back(x);
    for (auto& [shard, message] : by_shard)
      if (auto handle = env_.directory.shard<queue_shard_actor>(shard))
        caf::anon_send(handle, std::move(message));
  }

  void arm() {
    auto due = core_.next_due();
    if (auto park = core_.preempt_due(); park && (!due || *park < *due))
      due = park;
    if (!due)
      return;
    auto now = env_.mono();
    auto delay = std::max(runtime::duration{10'000}, *due - now);
    auto at = now + delay;
    if (armed_at_ && *armed_at_ > now && *armed_at_ <= at)
      return;
    armed_at_ = at;
    caf::delayed_anon_send(dispatcher_actor{self_}, delay,
                           dispatch_tick_atom_v);
  }

  dispatcher_actor::pointer self_;
  actor_env& env_;
  dispatcher_config config_;
  runtime::dispatch_core core_;
  runtime::policy_source policy_;
  runtime::lease_permits permits_;
  runtime::demand_meter demand_;
  worker_watch watch_;
  dispatch_meter meter_;
  runtime::cost_keeper keeper_;
  std::optional<runtime::mono_time> keeping_at_;
  std::shared_ptr<const runtime::model_policy> published_;
  catalog_entry entry_;
  std::map<std::string, bool> continues_;
  runtime::lease_ahead lead_;
  std::optional<runtime::mono_time> led_at_;
  bool led_ = false; ///< The lead was set with the breaker closed.
  bool dispatch_wanted_ = false;
  bool draining_ = false;
  std::optional<runtime::mono_time> armed_at_; ///< The next tick comes.
  bool policy_armed_ = false;
};

} // namespace

dispatcher_actor spawn_dispatcher(actor_env& env, dispatcher_config config,
                                  uint64_t generation) {
  return env.spawn<dispatcher_actor::stateful_impl<dispatcher_state>>(
    spawn_mode::pooled, &env, std::move(config), generation);
}

} // namespace troupe::actors
