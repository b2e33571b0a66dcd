#include "actors/job.hpp"

#include "actors/attempt_report.hpp"
#include "actors/circuit_breaker.hpp"
#include "actors/dispatcher.hpp"
#include "actors/input_quarantine.hpp"
#include "actors/job_commit.hpp"
#include "actors/job_readers.hpp"
#include "actors/journal.hpp"
#include "actors/model_worker.hpp"
#include "actors/queue_shard.hpp"
#include "actors/store_reader.hpp"
#include "runtime/job_machine.hpp"
#include "runtime/metrics.hpp"
#include "runtime/scheduling/finish_forecast.hpp"
#include "runtime/scheduling/turn_truncation.hpp"

#include <caf/send.hpp>

#include <variant>
#include <vector>

namespace troupe::actors {
namespace {

using runtime::errc;
using runtime::job_step;
using runtime::sink_ref;

/// worker/<model>/<i> is <model>/<i> to a client.
std::string shown_name(const std::string& worker) {
  return worker.substr(worker.find('/') + 1);
}

class job_state {
public:
  static constexpr const char* name = "troupe.job";

  job_state(job_actor::pointer self, actor_env* env, job_limits limits,
            job_start start)
    : self_{self}, env_{*env}, limits_{limits}, id_{start.record.id},
      epoch_{start.epoch}, first_seq_{start.record.next_seq},
      recover_{start.recover}, machine_{std::move(start.record)},
      spec_{std::move(start.spec)}, rng_{env_.make_rng()},
      entry_{env_.catalog.enrol(self->ctrl(), name, id_.str(), 1)},
      readers_{limits.subscribers_max, limits.tail_events} {
    install_handlers(self, env_);
    loaded_ = !recover_;
    if (!loaded_ || !spec_)
      request_load();
  }

  job_actor::behavior_type make_behavior() {
    entry_.set_state(loaded_ ? "open" : "loading");
    return {
      [this](run_attempt& x) { command(x); },
      [this](attempt_progress& x) { on_attempt_progress(x); },
      [this](attempt_ended& x) { on_attempt_ended(x); },
      [this](get_job& x) { command(x); },
      [this](watch_job& x) { command(x); },
      [this](forget_reader& x) { command(x); },
      [this](cancel_job& x) { command(x); },
      [this](expire_job& x) { command(x); },
      [this](degrade_job& x) { command(x); },
      [this](cut_over_job& x) { on_cut_over_job(x); },
      [this](job_loaded& x) { on_job_loaded(x); },
      [this](leave_atom) { self_->quit(); },
      [this](inspect_actor) { return entry_.snapshot(); },
    };
  }

private:
  using any_command =
    std::variant<run_attempt, get_job, watch_job, forget_reader, cancel_job,
                 expire_job, degrade_job>;

  // --- commands of the shard -------------------------------------------------

  /// Commands wait, in order, until the job is loaded.
  template <class T>
  void command(T& x) {
    entry_.count();
    ++commands_;
    if (!loaded_ || !spec_) {
      waiting_.emplace_back(std::move(x));
      return;
    }
    perform(x);
    settle();
  }

  void perform(run_attempt& x) {
    if (machine_.terminal() || machine_.running()) {
      give_back(x);
      drop_attempt(x.worker, x.id);
      return;
    }
    machine_.note(x.note, env_.wall());
    worker_ = x.worker;
    longer_context_ = std::move(x.longer_context);
    auto step =
      machine_.begin({.id = x.id,
                      .model = x.model,
                      .worker = shown_name(x.worker) + "@" + env_.node,
                      .continues_prefix = x.continues_prefix,
                      .price = x.price},
                     env_.wall());
    entry_.set_state("running");
    expect_finish();
    commit(std::move(step));
    auto request = make_attempt_request(x.id, *spec_, machine_);
    auto worker = env_.directory.find<model_worker_actor>(x.worker);
    if (!worker) {
      give_back(x);
      drop_attempt(x.worker, x.id);
      return lose(x.id, runtime::attempt_loss::refused,
                  {errc::worker_lost, x.worker + " is gone"});
    }
    self_->send(worker, start_attempt{std::move(request), x.ticket, x.stamp,
                                      start_limit()});
  }

  /// Of the first attempt, by the clock of the worker; zero: none.
  runtime::mono_time start_limit() const {
    const auto& record = machine_.record();
    if (record.attempt > 1 || record.start_at == runtime::wall_time{})
      return {};
    return env_.mono() + (record.start_at - env_.wall());
  }

  /// The attempt never reached a worker: the breaker learns nothing from it.
  void give_back(const run_attempt& x) {
    report_call(
      env_, x.model,
      {.ticket = x.ticket, .result = runtime::call_result::uncounted});
  }

  void perform(get_job& x) {
    const auto& record = machine_.record();
    if (x.if_version && record.version <= *x.if_version
        && !machine_.terminal()) {
      if (!readers_.add_get(x.reply))
        refuse_reader(x.reply);
      return;
    }
    auto view = make_view();
    if (record.status == runtime::job_status::queued)
      view.standing = x.standing;
    if (record.phase == runtime::job_phase::queued)
      view.why = x.why;
    fence(x.reply, runtime::job_snapshot{std::move(view)});
  }

  void perform(watch_job& x) {
    if (!machine_.terminal() && !readers_.add_watcher(x.reply))
      return refuse_reader(x.reply);
    fence(x.reply, runtime::watch_opened{.job = make_view(),
                                         .next_seq = machine_.record().next_seq,
                                         .tail = readers_.tail()});
  }

  void perform(forget_reader& x) { readers_.forget(x.reply); }

  void perform(cancel_job& x) {
    machine_.note(x.note, env_.wall());
    auto step = machine_.cancel(x.reason, env_.wall());
    if (!step.terminal) {
      fence(x.reply, runtime::job_snapshot{make_view()});
      return;
    }
    commit(std::move(step), x.reply);
  }

  void perform(expire_job& x) {
    if (!x.reason.empty())
      count_degradation("shed", runtime::decision_stage::pick);
    machine_.note(x.note, env_.wall());
    commit(machine_.expire(env_.wall(), std::move(x.reason)));
  }

  void perform(degrade_job& x) {
    count_degradation(to_string(x.step.kind), runtime::decision_stage::pick);
    machine_.note(x.note, env_.wall());
    commit(machine_.degrade(std::move(x.step), x.to, env_.wall()));
  }

  // --- reports of the worker ---------------------------------------------------

  void on_attempt_progress(attempt_progress& x) {
    entry_.count();
    if (x.place == attempt_place::in_line)
      machine_.line_up(x.id);
    else if (x.place == attempt_place::on_slot)
      on_slot_again(x.id);
    else if (x.place == attempt_place::parked)
      machine_.leave_slot(x.id, x.ran, env_.wall());
    if (x.input_tokens)
      machine_.prefilled(x.id, *x.input_tokens);
    if (x.tokens == 0 && x.text.empty())
      return;
    commit(machine_.output(x.id, std::move(x.text), x.tokens, env_.wall()));
    if (x.id == machine_.current())
      ask_if_late();
    if (machine_.record().next_seq >= limits_.events_max)
      commit_stopping(machine_.fail(machine_.current(),
                                    {errc::model_error, "too many events"},
                                    env_.wall()));
  }

  /// The time without a slot says nothing about its rate.
  void on_slot_again(runtime::attempt_id id) {
    machine_.take_slot(id, env_.wall());
    if (id == machine_.current())
      expect_finish();
  }

  void expect_finish() {
    const auto& forecast = machine_.record().forecast;
    finish_.begin(forecast.output_tokens_p50, forecast.max_output_tokens);
  }

  /// A job that would rather go elsewhere than end too late.
  void ask_if_late() {
    const auto& record = machine_.record();
    if (record.on_deadline != runtime::deadline_action::cutover
        || record.total_at == runtime::wall_time{} || !machine_.running())
      return;
    auto rest = finish_.made(machine_.text_tokens(), env_.wall());
    if (!rest)
      return;
    if (auto shard = env_.directory.shard<queue_shard_actor>(id_.shard()))
      caf::anon_send(
        shard, running_late{machine_.current(), machine_.text_tokens(), *rest});
  }

  void on_cut_over_job(cut_over_job& x) {
    entry_.count();
    if (!machine_.running() || x.id != machine_.current())
      return;
    count_degradation("model", runtime::decision_stage::mid_run);
    machine_.note(x.note, env_.wall());
    commit(machine_.cut_over(x.id, std::move(x.step), x.to, env_.wall()));
    settle();
  }

  void on_attempt_ended(attempt_ended& x) {
    entry_.count();
    auto now = env_.wall();
    if (!x.too_late && machine_.running() && x.id == machine_.current()) {
      count_attempt(env_, machine_.record(), x);
      report_cost(env_, spec_, machine_.record(), x);
    }
    if (longer_context_ && filled_context(x)) {
      count_degradation("longer_context", runtime::decision_stage::mid_run);
      commit(machine_.cut_over(x.id, *longer_context_, x.ran, now));
    } else if (auto fewer = shortened(x); fewer.record_changed) {
      count_degradation("context", runtime::decision_stage::mid_run);
      commit(std::move(fewer));
    } else if (x.finished)
      commit(machine_.finish(x.id,
                             {.finish = x.finished->finish,
                              .input_tokens = x.finished->input_tokens,
                              .output_tokens = x.finished->output_tokens,
                              .ran = x.ran},
                             now));
    else if (x.failed)
      commit(machine_.fail(x.id, *x.failed, now));
    else if (x.lost)
      lose(x.id, *x.lost, x.why);
    else if (x.too_late && machine_.running() && x.id == machine_.current())
      commit(machine_.expire(now));
    settle();
  }

  /// The engine counted more tokens than were believed: with fewer turns again.
  job_step shortened(const attempt_ended& x) {
    if (!x.failed || x.failed->code != errc::context_too_long)
      return {};
    return machine_.shorten(x.id, x.ran, env_.wall());
  }

  static bool filled_context(const attempt_ended& x) {
    return (x.failed && x.failed->code == errc::context_too_long)
           || (x.finished
               && x.finished->finish == runtime::finish_reason::context_length);
  }

  void count_degradation(std::string_view rung, runtime::decision_stage stage) {
    if (env_.metrics != nullptr)
      env_.metrics->degraded(machine_.record().queue(), rung, to_string(stage));
  }

  void lose(runtime::attempt_id id, runtime::attempt_loss loss,
            const runtime::failure& why) {
    auto step =
      machine_.lost(id, loss, why, env_.wall(), rng_.unit(), limits_.retry);
    if (step.requeue && env_.metrics != nullptr)
      env_.metrics->retried(machine_.record().queue(),
                            runtime::retry_reason(loss));
    commit(std::move(step));
  }

  // --- loading -------------------------------------------------------------------

  void request_load() {
    auto reader = reader_of(env_, id_);
    if (reader)
      self_->send(reader, load_job{id_});
    else
      self_->quit(caf::make_error(caf::sec::runtime_error));
  }

  void on_job_loaded(job_loaded& x) {
    entry_.count();
    if (!x.record || !x.spec) {
      // The shard starts the job again and meets the same; after its budget is
      // spent the shard is quarantined. Never guess a history.
      self_->quit(caf::make_error(caf::sec::runtime_error));
      return;
    }
    spec_ = x.spec;
    if (!loaded_) {
      auto machine = runtime::job_machine::restore(*x.record, x.events);
      if (!machine) {
        self_->quit(caf::make_error(caf::sec::runtime_error));
        return;
      }
      machine_ = std::move(*machine);
      loaded_ = true;
      resume_lost_attempt();
    } else {
      machine_.recall_decision(x.record->decision);
    }
    entry_.set_state("open");
    for (auto& waiting : std::exchange(waiting_, {}))
      std::visit([this](auto& c) { perform(c); }, waiting);
    settle();
  }

  /// The previous owner died with the attempt, or with the job between two.
  void resume_lost_attempt() {
    if (machine_.running()) {
      lose(machine_.current(), runtime::attempt_loss::node_restarted,
           {errc::worker_lost, "the node restarted"});
      return;
    }
    if (!machine_.terminal())
      send_note(commit_note::kind::requeued, {}, {});
  }

  // --- committing ------------------------------------------------------------------

  void commit_stopping(job_step step) {
    step.stop_attempt = true;
    commit(std::move(step));
  }

  /// Everything a step says becomes durable in one commit; readers hear of it
  /// when it is. `also`: gets a snapshot, too.
  void commit(job_step step, sink_ref also = {}) {
    if (step.events.empty() && !step.record_changed)
      return;
    auto request = make_step_commit(step, machine_.record(), epoch_);
    if (step.terminal)
      quarantine_input(env_, *spec_, machine_.record(), limits_.poison_ttl,
                       request);
    if (!step.events.empty())
      readers_.publish(id_, std::move(step.events), request);
    if (step.record_changed && (also || readers_.awaited()))
      readers_.answer_gets(make_view(), also, request);
    if (step.terminal)
      finish_up();
    if (step.stop_attempt) {
      drop_attempt(worker_, machine_.current());
      if (env_.metrics != nullptr)
        env_.metrics->attempt_ended(machine_.record().model,
                                    runtime::attempt_end::stopped);
    }
    post(std::move(request));
  }

  void finish_up() {
    entry_.set_state("ended");
    readers_.drop_watchers();
    if (env_.metrics != nullptr)
      env_.metrics->job_ended(machine_.record());
  }

  /// An answer that must not overtake the commits under way.
  void fence(sink_ref to, runtime::delivery_body body) {
    commit_request request{.shard = id_.shard(), .epoch = epoch_};
    request.deliveries.emplace_back(to, std::move(body));
    post(std::move(request));
  }

  void send_note(commit_note::kind what, runtime::duration delay,
                 runtime::spec_ptr spec) {
    commit_request request{.shard = id_.shard(), .epoch = epoch_};
    request.notes.push_back({.what = what,
                             .record = machine_.record(),
                             .spec = std::move(spec),
                             .delay = delay});
    post(std::move(request));
  }

  void post(commit_request request) {
    auto journal = journal_of(env_, machine_.record().durable);
    if (!journal) {
      self_->quit(caf::make_error(caf::sec::runtime_error));
      return;
    }
    caf::anon_send(journal, std::move(request));
  }

  // --- small things ------------------------------------------------------------------

  void refuse_reader(sink_ref reply) {
    env_.sinks.post(
      reply, runtime::refused{.why = {errc::too_many_streams,
                                      "the job has its maximum of readers"},
                              .retry_after_s = 5});
  }

  /// The slot is free again: the worker says so, or we do in its place.
  void drop_attempt(const std::string& worker, runtime::attempt_id id) {
    if (auto handle = env_.directory.find<model_worker_actor>(worker))
      caf::anon_send(handle, cancel_attempt{id});
    else if (auto dispatcher = env_.directory.find<dispatcher_actor>(
               directory::dispatcher_name(machine_.record().queue())))
      caf::anon_send(dispatcher, attempt_freed{.worker = worker, .id = id});
  }

  /// Offers to leave when there is nothing to do: the shard decides.
  void settle() {
    const auto& record = machine_.record();
    // Its successor would start from the shard's copy of the record.
    bool untouched = record.attempt == 0 && record.next_seq == first_seq_
                     && !machine_.terminal();
    if (!loaded_ || !untouched || !readers_.none())
      return;
    if (auto shard = env_.directory.shard<queue_shard_actor>(id_.shard()))
      caf::anon_send(shard, job_idle{id_, commands_});
  }

  runtime::job_view make_view() const {
    return {.spec = spec_, .record = machine_.record()};
  }

  job_actor::pointer self_;
  actor_env& env_;
  job_limits limits_;
  runtime::job_id id_;
  uint64_t epoch_;
  uint64_t first_seq_; ///< Events that the shard knew of when it began.
  bool recover_;
  bool loaded_ = false;
  runtime::job_machine machine_;
  runtime::spec_ptr spec_;
  runtime::seeded_rng rng_;
  catalog_entry entry_;
  uint64_t commands_ = 0;
  std::string worker_;
  std::optional<std::string> longer_context_;
  runtime::finish_forecast finish_;
  job_readers readers_;
  std::vector<any_command> waiting_;
};

} // namespace

job_actor spawn_job(actor_env& env, job_limits limits, job_start start) {
  return env.spawn<job_actor::stateful_impl<job_state>>(
    spawn_mode::pooled, &env, limits, std::move(start));
}

} // namespace troupe::actors
