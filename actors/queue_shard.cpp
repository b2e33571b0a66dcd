#include "actors/queue_shard.hpp"

#include "actors/admission_commit.hpp"
#include "actors/head_feeds.hpp"
#include "actors/journal.hpp"
#include "actors/kept_values.hpp"
#include "actors/ladder_step.hpp"
#include "actors/resident_jobs.hpp"
#include "actors/shard_admission.hpp"
#include "actors/shard_answers.hpp"
#include "actors/wait_desk.hpp"
#include "runtime/log.hpp"
#include "runtime/metrics.hpp"

#include <caf/send.hpp>

#include <map>
#include <set>

namespace troupe::actors {
namespace {

using runtime::errc;
using runtime::job_id;

class queue_shard_state {
public:
  static constexpr const char* name = "troupe.queue_shard";

  queue_shard_state(queue_shard_actor::pointer self, actor_env* env,
                    runtime::shard_id shard, queue_shard_config config,
                    uint64_t generation)
    : self_{self}, env_{*env}, shard_{shard}, config_{std::move(config)},
      ledger_{make_ledger(0)}, feeds_{env_, shard, config_.announced_heads},
      entry_{env_.enrol(self->ctrl(), name, directory::shard_name(shard),
                        generation)} {
    install_handlers(self, env_);
    self->set_down_handler([this](caf::down_msg& x) { on_job_down(x); });
  }

  ~queue_shard_state() {
    if (answers_.quarantined())
      --env_.board.shards_quarantined;
    env_.board.live_jobs -= ledger_.live();
    feeds_.withdraw();
    if (answers_.is_open())
      --env_.board.shards_ready;
  }

  queue_shard_actor::behavior_type make_behavior() {
    entry_.set_state("loading");
    if (auto journal = journal_of(env_, true))
      self_->send(journal, open_shard{shard_});
    else
      self_->quit(caf::make_error(caf::sec::runtime_error));
    return {
      [this](submit_job& x) { on_submit_job(x); },
      [this](estimate_job& x) { on_estimate_job(x); },
      [this](get_job& x) { on_get_job(x); },
      [this](watch_job& x) { on_watch_job(x); },
      [this](forget_reader& x) { on_forget_reader(x); },
      [this](cancel_job& x) { on_cancel_job(x); },
      [this](settle_letter& x) { on_settle_letter(x); },
      [this](keep_run& x) { on_keep_run(x); },
      [this](keep_value& x) { on_keep_value(x); },
      [this](shard_opened& x) { on_shard_opened(x); },
      [this](shard_committed& x) { on_shard_committed(x); },
      [this](open_feed& x) { on_open_feed(x); },
      [this](publish_policy& x) { on_publish_policy(x); },
      [this](lease_jobs& x) { on_lease_jobs(x); },
      [this](attempts_lost& x) { on_attempts_lost(x); },
      [this](const job_idle& x) { on_job_idle(x); },
      [this](const running_late& x) { on_running_late(x); },
      [this](shard_tick_atom, uint64_t tick) { on_tick(tick); },
      [this](inspect_actor) { return entry_.snapshot(); },
    };
  }

private:
  // --- clients -----------------------------------------------------------------

  void on_submit_job(submit_job& x) {
    entry_.count();
    if (auto made = entrance_.submit(x, ledger_, residents_))
      post(std::move(made->request), made->durable);
  }

  void on_estimate_job(estimate_job& x) {
    entry_.count();
    entrance_.estimate(x, ledger_);
  }

  void on_get_job(get_job& x) {
    entry_.count();
    const auto* record = answers_.authorise(ledger_, x, view_kind::snapshot);
    if (record == nullptr)
      return;
    x.standing = ledger_.standing(x.id);
    x.why = wait_desk_.why(ledger_, x.id);
    bool waits = x.if_version && record->version <= *x.if_version;
    if (waits || residents_.contains(x.id))
      return forward(x.id, std::move(x));
    auto spec = ledger_.spec(x.id);
    if (!spec)
      return answers_.read(x.id, x.tenant, view_kind::snapshot, x.standing,
                           x.reply);
    answers_.show(ledger_, x, std::move(spec));
  }

  void on_watch_job(watch_job& x) {
    entry_.count();
    if (answers_.authorise(ledger_, x, view_kind::watch) != nullptr)
      forward(x.id, std::move(x));
  }

  void on_forget_reader(forget_reader& x) {
    entry_.count();
    if (residents_.contains(x.id))
      forward(x.id, std::move(x));
  }

  void on_cancel_job(cancel_job& x) {
    entry_.count();
    if (answers_.authorise(ledger_, x, view_kind::snapshot) == nullptr)
      return;
    ledger_.begin_end(x.id);
    x.note = wait_desk_.leave(ledger_, x.id);
    auto queue = queue_of(x.id);
    forward(x.id, std::move(x));
    feeds_.announce(ledger_, queue);
  }

  void on_settle_letter(settle_letter& x) {
    entry_.count();
    if (auto request = entrance_.settle(x, ledger_))
      post(std::move(*request));
  }

  void on_keep_run(keep_run& x) {
    entry_.count();
    if (!answers_.is_open())
      return answers_.refuse(x.reply, answers_.closed_reason());
    post(make_run_commit(ledger_.epoch(), x));
  }

  void on_keep_value(keep_value& x) {
    entry_.count();
    if (answers_.is_open())
      post(make_value_commit(shard_, ledger_.epoch(), std::move(x)));
  }

  // --- the journal ---------------------------------------------------------------

  void on_shard_opened(shard_opened& x) {
    entry_.count();
    if (!x.summary) {
      const auto& why = x.summary.error();
      entry_.set_state("quarantined");
      ++env_.board.shards_quarantined;
      runtime::log_error("shard", "quarantined",
                         {{"shard", shard_.value}, {"reason", why.context}});
      answers_.quarantine(why);
      return;
    }
    ledger_ = make_ledger(x.summary->epoch);
    tenants_.opened(x);
    for (auto& record : x.live)
      ledger_.restore(std::move(record), env_.mono(), env_.wall());
    for (auto& [key, entry] : x.keys)
      ledger_.restore(std::move(key), std::move(entry));
    if (auto drops = restore_values(env_, ledger_, shard_, x.values))
      post(std::move(*drops));
    answers_.open();
    ++env_.board.shards_ready;
    env_.board.live_jobs += ledger_.live();
    entry_.set_state("open");
    wait_desk_.opened(ledger_);
    for (auto id : ledger_.orphans())
      make_resident(id, nullptr, true);
    for (const auto& line : env_.board.models())
      if (auto d = env_.directory.find<dispatcher_actor>(
            directory::dispatcher_name(line.name))) {
        feeds_.open(line.name, d);
        feeds_.announce_all(ledger_, line.name);
      }
    arm();
  }

  void on_shard_committed(shard_committed& x) {
    entry_.count();
    if (x.why && x.epoch != ledger_.epoch()) {
      // Of the shard before this one.
      ++env_.letters.stale;
      return;
    }
    if (x.why) {
      // Somebody else owns the shard: start again from what is durable.
      ++env_.letters.stale;
      self_->quit(caf::make_error(caf::sec::runtime_error, x.why->context));
      return;
    }
    std::map<queue_name, bool> touched;
    for (auto& note : x.notes)
      touched[{note.record.queue(), note.record.tenant}] |= on_note(note);
    for (const auto& [queue, heads] : touched)
      if (heads)
        feeds_.announce(ledger_, queue);
      else
        feeds_.publish(ledger_, queue.model);
    arm();
  }

  /// True if the heads of the job's queue may have changed.
  bool on_note(commit_note& note) {
    auto id = note.record.id;
    switch (note.what) {
      case commit_note::kind::admitted:
        if (env_.metrics != nullptr)
          env_.metrics->job_accepted(false);
        tenants_.admitted(note.record);
        ledger_.committed(id, std::move(note.spec), env_.mono());
        wait_desk_.admitted(ledger_, id);
        return feeds_.may_change(note.record);
      case commit_note::kind::requeued:
        ledger_.requeued(note.record, note.delay, env_.mono(), note.charged);
        wait_desk_.requeued(ledger_, id, note.delay, note.charged);
        return true;
      case commit_note::kind::closed:
        tenants_.closed(note.record, ledger_.find(id) != nullptr);
        if (ledger_.find(id) != nullptr)
          --env_.board.live_jobs;
        ledger_.closed(id);
        wait_desk_.drop(id);
        residents_.dismiss(id);
        return false;
      case commit_note::kind::barrier:
        if (ledger_.find(id) != nullptr)
          make_resident(id, nullptr, true);
        return false;
      case commit_note::kind::settled:
        entrance_.settled(id);
        return false;
    }
    return false;
  }

  // --- dispatchers -----------------------------------------------------------------

  void on_open_feed(open_feed& x) {
    entry_.count();
    auto d = caf::actor_cast<dispatcher_actor>(self_->current_sender());
    if (!d)
      return;
    feeds_.open(x.model, d);
    if (answers_.is_open())
      feeds_.announce_all(ledger_, x.model);
  }

  void on_publish_policy(publish_policy& x) {
    entry_.count();
    auto due = runtime::to_us(env_.wall())
               + static_cast<int64_t>(x.policy->terms.limit_s * 1e6);
    ledger_.set_policy(x.model, std::move(x.policy));
    wait_desk_.policy(ledger_, x.model);
    auto work = ledger_.backlog(x.model, due).work_us;
    if (auto d = caf::actor_cast<dispatcher_actor>(self_->current_sender()))
      caf::anon_send(
        d, backlog_report{.shard = shard_,
                          .due_work_s = static_cast<double>(work) / 1e6,
                          .arrived_work_s = ledger_.take_arrived_s(x.model),
                          .waiting = ledger_.curve(x.model),
                          .wait_ratios = wait_desk_.take_samples(x.model)});
  }

  void on_lease_jobs(lease_jobs& x) {
    entry_.count();
    lease_answer answer{.shard = shard_};
    std::set<std::string> tenants;
    for (auto& request : x.requests) {
      tenants.insert(request.tenant);
      auto lease =
        answers_.is_open() && may_start(request.job, request.after_attempt)
          ? ledger_.lease(request.job, request.after_attempt)
          : std::nullopt;
      if (!lease) {
        answer.refused.push_back({request.job, request.stamp.number});
        continue;
      }
      answer.granted.push_back({lease->id, request.worker, request.stamp});
      wait_desk_.sample(x.model, *lease);
      make_resident(request.job, lease->spec, false);
      forward(
        request.job,
        run_attempt{.id = lease->id,
                    .model = x.model,
                    .worker = std::move(request.worker),
                    .continues_prefix = request.continues_prefix,
                    .longer_context = ledger_.longer_context(lease->record),
                    .ticket = request.ticket,
                    .stamp = request.stamp,
                    .note = wait_desk_.leave(ledger_, request.job,
                                             {x.generation, request.gate}),
                    .price = config_.rules->price(x.model)});
    }
    for (const auto& tenant : tenants)
      answer.queues.push_back(feeds_.take(ledger_, {x.model, tenant}));
    if (auto d = caf::actor_cast<dispatcher_actor>(self_->current_sender()))
      caf::anon_send(d, std::move(answer));
  }

  /// Asks the ladder, and performs its step. False: the job cannot start here.
  bool may_start(job_id id, uint32_t after_attempt) {
    auto choice = ledger_.judge(id, after_attempt, env_.wall());
    if (!choice)
      return false;
    auto step = ladder_step_of(ledger_, id, *choice);
    if (step.ends)
      ledger_.begin_end(id);
    else if (!step.starts)
      ledger_.set_aside(id);
    if (step.expire)
      step.expire->note.wait = wait_desk_.leave(ledger_, id).wait;
    if (step.expire)
      forward(id, std::move(*step.expire));
    if (step.degrade)
      forward(id, std::move(*step.degrade));
    return step.starts;
  }

  void on_running_late(const running_late& x) {
    entry_.count();
    if (auto order = cutover_of(ledger_, x, env_.wall()))
      residents_.tell(x.id.job, std::move(*order));
  }

  void on_attempts_lost(attempts_lost& x) {
    entry_.count();
    using runtime::attempt_loss;
    for (auto [id, ran] : x.attempts)
      residents_.tell(
        id.job, attempt_ended{.id = id,
                              .lost = ran ? attempt_loss::crashed_shared
                                          : attempt_loss::refused,
                              .why = {errc::worker_lost, "the worker died"}});
  }

  // --- job actors --------------------------------------------------------------------

  void make_resident(job_id id, runtime::spec_ptr spec, bool recover) {
    if (residents_.contains(id))
      return;
    auto actor = spawn_job(env_, config_.job,
                           {.record = *ledger_.find(id),
                            .spec = spec ? std::move(spec) : ledger_.spec(id),
                            .epoch = ledger_.epoch(),
                            .recover = recover});
    self_->monitor(actor);
    residents_.add(id, std::move(actor));
  }

  template <class Command>
  void forward(job_id id, Command command) {
    // A job that ran before has more history than its record says.
    make_resident(id, nullptr, ledger_.find(id)->attempt > 0);
    residents_.command(id, std::move(command));
  }

  void on_job_idle(const job_idle& x) {
    entry_.count();
    if (residents_.caught_up(x.id, x.commands))
      residents_.dismiss(x.id);
  }

  /// Only unexpected ends get here with a known id. Start it again once what it
  /// sent before is durable.
  void on_job_down(caf::down_msg& x) {
    auto down = residents_.take_down(x.source.id());
    if (!down)
      return;
    auto id = *down;
    const auto* record = ledger_.find(id);
    if (record == nullptr)
      return;
    if (++job_crashes_ > job_crashes_max) {
      self_->quit(caf::make_error(caf::sec::runtime_error));
      return;
    }
    commit_request request{.shard = shard_, .epoch = ledger_.epoch()};
    request.notes.push_back(
      {.what = commit_note::kind::barrier, .record = *record});
    post(std::move(request), record->durable);
  }

  // --- time --------------------------------------------------------------------------

  void on_tick(uint64_t tick) {
    if (tick != tick_)
      return;
    armed_ = std::nullopt;
    std::set<queue_name> touched;
    auto now = env_.mono();
    for (const auto& action : ledger_.due(now, [&](const std::string& model) {
           return env_.board.ask_retry(model, now);
         })) {
      touched.insert(queue_of(action.id));
      if (action.what == runtime::due_action::kind::expire) {
        ledger_.begin_end(action.id);
        forward(
          action.id,
          expire_job{action.id, {}, wait_desk_.leave(ledger_, action.id)});
      } else if (action.what == runtime::due_action::kind::ready)
        wait_desk_.ready(ledger_, action.id);
      else
        may_start(action.id, ledger_.find(action.id)->attempt);
    }
    if (auto drops = make_key_drops(ledger_, shard_, env_.wall())) {
      post(*drops, false); // Whose key it was is not known here.
      post(std::move(*drops));
    }
    if (auto request = tenants_.take_due(ledger_.epoch()))
      post(std::move(*request));
    for (const auto& queue : touched)
      feeds_.announce(ledger_, queue);
    arm();
  }

  /// One tick is under way at most: CAF's clock is no place for a timer per job.
  void arm() {
    auto due = ledger_.next_due();
    if (auto keep = tenants_.next_due(); keep && (!due || *keep < *due))
      due = keep;
    if (!due || (armed_ && *armed_ <= *due))
      return;
    constexpr runtime::duration step = std::chrono::milliseconds{10};
    armed_ = due;
    auto delay = std::max(step, env_.time_until(*due));
    self_->delayed_send(self_, delay, shard_tick_atom_v, ++tick_);
  }

  // --- small things --------------------------------------------------------------------

  runtime::shard_ledger make_ledger(uint64_t epoch) const {
    return {shard_, config_.ledger, epoch, config_.rules,
            [board = &env_.board](const std::string& model) {
              return board->load(model);
            }};
  }

  queue_name queue_of(job_id id) const {
    const auto* record = ledger_.find(id);
    return {record->queue(), record->tenant};
  }

  void post(commit_request request, bool durable = true) {
    if (auto journal = journal_of(env_, durable))
      caf::anon_send(journal, std::move(request));
    else
      self_->quit(caf::make_error(caf::sec::runtime_error));
  }

  /// Crashes of job actors before the shard itself starts over.
  static constexpr uint32_t job_crashes_max = 5;

  queue_shard_actor::pointer self_;
  actor_env& env_;
  runtime::shard_id shard_;
  queue_shard_config config_;
  runtime::shard_ledger ledger_;
  head_feeds feeds_;
  catalog_entry entry_;
  shard_answers answers_{env_};
  resident_jobs residents_;
  wait_desk wait_desk_{env_};
  tenant_desk tenants_{env_, shard_, config_.rules};
  shard_admission entrance_{env_, answers_, tenants_, config_.rules,
                            config_.commit_stall};
  std::optional<runtime::mono_time> armed_;
  uint64_t tick_ = 0;
  uint32_t job_crashes_ = 0;
};

} // namespace

queue_shard_actor spawn_queue_shard(actor_env& env, runtime::shard_id shard,
                                    queue_shard_config config,
                                    uint64_t generation) {
  return env.spawn<queue_shard_actor::stateful_impl<queue_shard_state>>(
    spawn_mode::pooled, &env, shard, config, generation);
}

} // namespace troupe::actors
