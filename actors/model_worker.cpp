#include "actors/model_worker.hpp"

#include "actors/allocator.hpp"
#include "actors/circuit_breaker.hpp"
#include "actors/dispatcher.hpp"
#include "actors/job.hpp"
#include "actors/slot_run.hpp"
#include "runtime/log.hpp"
#include "runtime/metrics.hpp"
#include "runtime/scheduling/attempt_line.hpp"

#include <caf/send.hpp>

#include <unordered_map>

namespace troupe::actors {
namespace {

using runtime::attempt_id;
using runtime::errc;

class model_worker_state {
public:
  static constexpr const char* name = "troupe.model_worker";

  model_worker_state(model_worker_actor::pointer self, actor_env* env,
                     model_worker_config config, uint64_t generation)
    : self_{self}, env_{*env}, config_{std::move(config)},
      worker_{directory::worker_name(config_.model, config_.index)},
      entry_{env_.enrol(self->ctrl(), name, worker_, generation)},
      engine_{config_.make_engine()} {
    install_handlers(self, env_);
  }

  ~model_worker_state() {
    env_.board.attempts_running -= static_cast<int64_t>(running_.size());
    serve(ready_ ? -static_cast<int64_t>(description_.slots) : 0,
          died_ ? died_->context : "the worker ended");
  }

  model_worker_actor::behavior_type make_behavior() {
    entry_.set_state("loading");
    loading_since_ = env_.mono();
    // At most one wake-up waits in the mailbox.
    engine_->start([flag = woken_, me = model_worker_actor{self_}] {
      if (!flag->exchange(true))
        caf::anon_send(me, engine_woke_atom_v);
    });
    poll();
    return {
      [this](start_attempt& x) { on_start_attempt(x); },
      [this](const cancel_attempt& x) { on_cancel_attempt(x); },
      [this](const preempt_attempt& x) { on_preempt_attempt(x); },
      [this](const resume_attempt& x) { on_resume_attempt(x); },
      [this](const yield_attempts&) { on_yield_attempts(); },
      [this](open_feed&) { introduce(); },
      [this](engine_woke_atom) { on_woken(); },
      [this](engine_poll_atom, uint64_t tick) { on_poll(tick); },
      [this](inspect_actor) { return entry_.snapshot(); },
    };
  }

private:
  // --- commands ------------------------------------------------------------------

  void on_start_attempt(start_attempt& x) {
    entry_.count();
    auto job = caf::actor_cast<job_actor>(self_->current_sender());
    auto id = x.request.id;
    if (!job)
      return freed(id);
    waiting_run next{{.job = job,
                      .since = env_.mono(),
                      .ticket = x.ticket,
                      .key = x.stamp.key},
                     std::move(x.request)};
    if (x.stamp.number > 0)
      next.run.arrived = next.run.since - x.stamp.ordered_at;
    if (!takes(x.stamp))
      return refuse(id, next.run);
    if (running_.size() < description_.slots) {
      start(next);
      return poll();
    }
    line_.push(x.stamp.key, id, x.start_by, std::move(next));
    caf::anon_send(job,
                   attempt_progress{.id = id, .place = attempt_place::in_line});
    arm();
  }

  /// Meant for this worker, not for one before it, and there is a place. As many
  /// may wait as run: the dispatcher decides how many do.
  bool takes(const runtime::order_stamp& stamp) const {
    bool mine = stamp.worker_generation == 0
                || stamp.worker_generation == entry_.generation();
    return ready_ && !yields_ && mine
           && running_.size() + line_.size() < size_t{2} * description_.slots;
  }

  void refuse(attempt_id id, const slot_run& run) {
    tell_breaker(run, runtime::call_result::uncounted);
    caf::anon_send(run.job,
                   attempt_ended{.id = id,
                                 .lost = runtime::attempt_loss::refused,
                                 .why = {errc::model_unavailable,
                                         worker_ + " has no free slot"}});
    freed(id);
  }

  /// The engine hears of it by the next `poll`.
  void start(waiting_run& next) {
    auto id = next.request.id;
    next.run.since = env_.mono();
    running_[id] = std::move(next.run);
    if (id.attempt == 1)
      env_.board.first_attempt(config_.model, env_.mono());
    ++env_.board.attempts_running;
    entry_.set_state("busy");
    engine_->admit(std::move(next.request));
    admitted_ = true;
  }

  /// A slot is free: the first in the line takes it.
  std::optional<attempt_id> start_next() {
    drop_late();
    if (running_.size() >= description_.slots || yields_)
      return std::nullopt;
    auto next = line_.pop();
    if (!next)
      return std::nullopt;
    auto id = next->request.id;
    caf::anon_send(next->run.job,
                   attempt_progress{.id = id, .place = attempt_place::on_slot});
    start(*next);
    return id;
  }

  /// Attempts in the line whose time to start has passed never start.
  void drop_late() {
    for (auto& late : line_.take_late(env_.mono())) {
      auto id = late.request.id;
      tell_breaker(late.run, runtime::call_result::uncounted);
      caf::anon_send(late.run.job, attempt_ended{.id = id, .too_late = true});
      freed(id);
    }
  }

  void on_cancel_attempt(const cancel_attempt& x) {
    entry_.count();
    attempt_freed news{.worker = worker_, .id = x.id};
    if (auto waits = line_.take(x.id))
      tell_breaker(waits->run, runtime::call_result::uncounted);
    if (auto node = parked_.extract(x.id)) {
      tell_breaker(node.mapped(), runtime::call_result::uncounted);
      engine_->cancel(x.id);
      news.ran = node.mapped().before;
    }
    if (auto it = running_.find(x.id); it != running_.end()) {
      tell_breaker(it->second, runtime::call_result::uncounted);
      running_.erase(it);
      --env_.board.attempts_running;
      engine_->cancel(x.id);
      news.at = env_.mono();
      news.next = start_next();
    }
    tell_freed(std::move(news));
    if (admitted_)
      poll();
  }

  // --- leaving a slot and returning -----------------------------------------------

  void on_preempt_attempt(const preempt_attempt& x) {
    entry_.count();
    if (!running_.contains(x.id) || yields_)
      return;
    engine_->park(x.id, x.keep_cache);
    poll();
  }

  void on_event(models::attempt_parked& e) {
    auto node = running_.extract(e.id);
    if (node.empty())
      return;
    --env_.board.attempts_running;
    if (env_.metrics != nullptr)
      env_.metrics->add(runtime::metric::sched_preemptions, 1, config_.model);
    auto& run = node.mapped();
    run.before = run.ran(env_.mono());
    caf::anon_send(run.job, attempt_progress{.id = e.id,
                                             .place = attempt_place::parked,
                                             .ran = run.before});
    attempt_parked news{.worker = worker_, .id = e.id, .key = run.key};
    parked_.insert(std::move(node));
    news.next = start_next();
    tell_parked(std::move(news));
  }

  void on_resume_attempt(const resume_attempt& x) {
    entry_.count();
    auto it = parked_.find(x.id);
    if (it == parked_.end())
      return; // It ended, and the dispatcher was told.
    if (running_.size() >= description_.slots)
      return tell_parked(
        {.worker = worker_, .id = x.id, .key = it->second.key});
    it->second.since = env_.mono();
    caf::anon_send(
      it->second.job,
      attempt_progress{.id = x.id, .place = attempt_place::on_slot});
    running_.insert(parked_.extract(it));
    ++env_.board.attempts_running;
    engine_->resume(x.id);
    poll();
  }

  void tell_parked(attempt_parked news) {
    if (auto d = dispatcher())
      caf::anon_send(d, std::move(news));
  }

  /// Of those without a slot the engine's end says nothing.
  void refuse_parked(const std::string& why) {
    for (auto& [id, run] : std::exchange(parked_, {})) {
      tell_breaker(run, runtime::call_result::uncounted);
      caf::anon_send(run.job,
                     attempt_ended{.id = id,
                                   .lost = runtime::attempt_loss::refused,
                                   .why = {errc::worker_lost, why},
                                   .ran = run.before});
    }
  }

  void on_yield_attempts() {
    entry_.count();
    yields_ = true;
    for (auto& waits : line_.clear())
      refuse(waits.request.id, waits.run);
    for (const auto& [id, run] : parked_) {
      engine_->cancel(id);
      freed(id);
    }
    refuse_parked("the worker goes to another model");
    for (auto& [id, run] : std::exchange(running_, {})) {
      --env_.board.attempts_running;
      tell_breaker(run, runtime::call_result::uncounted);
      caf::anon_send(run.job,
                     attempt_ended{.id = id,
                                   .lost = runtime::attempt_loss::refused,
                                   .why = {errc::worker_lost,
                                           "the worker goes to another model"},
                                   .ran = run.ran(env_.mono())});
      engine_->cancel(id);
      freed(id);
    }
  }

  // --- the engine -------------------------------------------------------------------

  void on_woken() {
    woken_->store(false);
    poll();
  }

  void on_poll(uint64_t tick) {
    if (tick != tick_)
      return;
    armed_ = std::nullopt;
    poll();
  }

  void poll() {
    // What starts in a slot that an event freed must be polled, too.
    do {
      admitted_ = false;
      for (auto& event : engine_->poll(env_.mono()))
        std::visit([this](auto& e) { on_event(e); }, event);
    } while (admitted_ && !died_);
    drop_late();
    if (died_) {
      self_->quit(caf::make_error(caf::sec::runtime_error, died_->context));
      return;
    }
    arm();
  }

  void on_event(models::engine_ready& e) {
    description_ = std::move(e.description);
    ready_ = true;
    entry_.set_state("ready");
    env_.board.note_load(config_.model, env_.mono() - loading_since_);
    runtime::log_info("worker", "ready",
                      {{"worker", worker_},
                       {"generation", entry_.generation()},
                       {"slots", description_.slots}});
    serve(description_.slots, {});
    introduce();
  }

  void on_event(models::attempt_began& e) {
    report(e.id, attempt_progress{.id = e.id, .input_tokens = e.input_tokens});
  }

  void on_event(models::attempt_output& e) {
    if (auto it = running_.find(e.id); it != running_.end())
      note_output(it->second);
    report(e.id, attempt_progress{
                   .id = e.id, .text = std::move(e.text), .tokens = e.tokens});
  }

  void on_event(models::attempt_finished& e) {
    end(e.id, attempt_ended{.id = e.id, .finished = e},
        runtime::call_result::good);
  }

  void on_event(models::attempt_failed& e) {
    attempt_ended message{.id = e.id};
    auto judged = runtime::judge_failure(e.transient, e.why.code);
    if (e.transient) {
      // No room in the engine after all is nobody's failure.
      message.lost = e.why.code == errc::queue_full
                       ? runtime::attempt_loss::refused
                       : runtime::attempt_loss::model_error;
      message.why = std::move(e.why);
    } else {
      message.failed = std::move(e.why);
    }
    end(e.id, std::move(message), judged);
  }

  void on_event(models::engine_beat&) {}

  void on_event(models::engine_died& e) {
    auto loss = running_.size() == 1 ? runtime::attempt_loss::crashed_alone
                                     : runtime::attempt_loss::crashed_shared;
    for (auto& [id, run] : std::exchange(running_, {})) {
      --env_.board.attempts_running;
      tell_breaker(run, runtime::call_result::failed);
      caf::anon_send(run.job, attempt_ended{.id = id,
                                            .lost = loss,
                                            .why = e.why,
                                            .ran = run.ran(env_.mono())});
    }
    died_ = std::move(e.why);
    refuse_parked("its worker's engine died");
    for (auto& waits : line_.clear())
      refuse(waits.request.id, waits.run);
    runtime::log_warn("worker", "the engine died",
                      {{"worker", worker_},
                       {"generation", entry_.generation()},
                       {"reason", died_->context}});
    if (env_.metrics != nullptr)
      env_.metrics->engine_restarted(config_.model);
    tell(worker_gone{worker_, entry_.generation()});
  }

  // --- reports -------------------------------------------------------------------------

  template <class Message>
  void report(attempt_id id, Message message) {
    if (auto it = running_.find(id); it != running_.end())
      caf::anon_send(it->second.job, std::move(message));
  }

  /// A probe of the breaker has its answer with the first token.
  void note_output(slot_run& run) {
    if (run.first_token)
      return;
    run.first_token = run.ran(env_.mono());
    if (run.ticket.probe != 0)
      tell_breaker(run, runtime::call_result::good);
  }

  void tell_breaker(const slot_run& run, runtime::call_result result) {
    report_call(
      env_, config_.model,
      {.ticket = run.ticket, .result = result, .first_token = run.first_token});
  }

  void end(attempt_id id, attempt_ended message, runtime::call_result judged) {
    auto it = running_.find(id);
    if (it == running_.end())
      return;
    tell_breaker(it->second, judged);
    auto now = env_.mono();
    auto ran = message.ran = it->second.ran(now);
    attempt_freed news{.worker = worker_,
                       .id = id,
                       .ran = ran,
                       .result = judged,
                       .at = now,
                       .arrived = it->second.arrived};
    caf::anon_send(it->second.job, std::move(message));
    running_.erase(it);
    --env_.board.attempts_running;
    news.next = start_next();
    if (running_.empty())
      entry_.set_state("ready");
    tell_freed(std::move(news));
  }

  /// It never had a slot, or gave it back unused.
  void freed(attempt_id id) { tell_freed({.worker = worker_, .id = id}); }

  void tell_freed(attempt_freed news) {
    if (auto d = dispatcher())
      caf::anon_send(d, std::move(news));
  }

  void introduce() {
    if (!ready_)
      return;
    worker_ready hello{.worker = worker_,
                       .generation = entry_.generation(),
                       .description = description_};
    if (yields_)
      hello.description.slots = 0; // A new dispatcher must not count on it.
    for (const auto& [id, run] : running_)
      hello.running.push_back(id);
    for (auto id : line_.ids())
      hello.running.push_back(id);
    for (const auto& [id, run] : parked_)
      hello.parked.push_back({.id = id, .key = run.key});
    tell(std::move(hello));
  }

  /// The dispatcher, and the pool's allocator.
  template <class Message>
  void tell(const Message& message) {
    if (auto d = dispatcher())
      caf::anon_send(d, message);
    if (config_.pool.empty())
      return;
    if (auto a = env_.directory.find<allocator_actor>(
          directory::allocator_name(config_.pool)))
      caf::anon_send(a, message);
  }

  dispatcher_actor dispatcher() const {
    return env_.directory.find<dispatcher_actor>(
      directory::dispatcher_name(config_.model));
  }

  void serve(int64_t slots, std::string trouble) {
    env_.board.change_slots(config_.model, slots, description_.context_length,
                            std::move(trouble));
  }

  void arm() {
    auto due = engine_->next_due();
    if (auto limit = line_.next_limit(); limit && (!due || *limit < *due))
      due = limit;
    if (!due || (armed_ && *armed_ <= *due))
      return;
    armed_ = due;
    auto delay = env_.time_until(*due);
    self_->delayed_send(self_, delay, engine_poll_atom_v, ++tick_);
  }

  model_worker_actor::pointer self_;
  actor_env& env_;
  model_worker_config config_;
  std::string worker_;
  catalog_entry entry_;
  std::shared_ptr<std::atomic<bool>> woken_ =
    std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<models::engine> engine_;
  models::engine_description description_;
  runtime::mono_time loading_since_{};
  bool ready_ = false;
  bool yields_ = false; ///< Gave its work back, and takes no more.
  std::optional<runtime::failure> died_;
  std::unordered_map<attempt_id, slot_run> running_;
  std::unordered_map<attempt_id, slot_run> parked_;
  runtime::attempt_line<waiting_run> line_;
  bool admitted_ = false; ///< Since the engine was polled last.
  std::optional<runtime::mono_time> armed_;
  uint64_t tick_ = 0;
};

} // namespace

model_worker_actor spawn_model_worker(actor_env& env,
                                      model_worker_config config,
                                      uint64_t generation) {
  return env.spawn<model_worker_actor::stateful_impl<model_worker_state>>(
    spawn_mode::pooled, &env, std::move(config), generation);
}

} // namespace troupe::actors
