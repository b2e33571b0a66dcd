#include "actors/replay_runner.hpp"

#include "actors/queue_shard.hpp"
#include "actors/runner_questions.hpp"
#include "actors/store_reader.hpp"
#include "runtime/log.hpp"
#include "runtime/replay_plan.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace troupe::actors {
namespace {

using runtime::errc;
using runtime::job_id;
using runtime::letter_fate;
using runtime::may_pass;
using runtime::refused;
using runtime::replay_plan;
using runtime::sink_ref;
using question = runner_question::kind;

/// How long a shard or reader may take before it is asked again.
constexpr runtime::duration answer_patience = std::chrono::seconds{30};
constexpr runtime::duration look_around = std::chrono::seconds{1};
constexpr runtime::duration tick_min = std::chrono::milliseconds{1};

/// Answers to the runner come as messages.
class runner_sink final : public runtime::client_sink {
public:
  runner_sink(actor_env& env, std::string name)
    : env_{env}, name_{std::move(name)} {}
  void post(std::vector<runtime::delivery> items) override {
    auto runner = env_.directory.find<replay_runner_actor>(name_);
    for (auto& x : items)
      if (runner)
        caf::anon_send(runner, runner_answer{x.ticket, std::move(x.body)});
  }

private:
  actor_env& env_;
  std::string name_;
};

class replay_runner_state {
public:
  static constexpr const char* name = "troupe.replay_runner";

  replay_runner_state(replay_runner_actor::pointer self, actor_env* env,
                      replay_runner_config config, uint64_t generation)
    : self_{self}, env_{*env}, config_{std::move(config)},
      sink_{
        env_.sinks.add(std::make_shared<runner_sink>(env_, "replay_runner"))},
      entry_{env_.enrol(self->ctrl(), name, "replay_runner", generation)} {
    install_handlers(self, env_);
  }
  ~replay_runner_state() { env_.sinks.remove(sink_); }

  replay_runner_actor::behavior_type make_behavior() {
    entry_.set_state("loading");
    load();
    return {
      [this](start_run& x) { on_start_run(x); },
      [this](steer_run& x) { on_steer_run(x); },
      [this](list_runs& x) { on_list_runs(x); },
      [this](runs_loaded& x) { on_runs_loaded(x); },
      [this](runner_answer& x) { on_runner_answer(x); },
      [this](runner_tick_atom, uint64_t tick) { on_tick(tick); },
      [this](inspect_actor) { return entry_.snapshot(); },
    };
  }

private:
  struct active_run {
    replay_plan plan;
    bool kept = true; ///< What it needs to go on from is durable.
  };
  // --- clients -----------------------------------------------------------------

  void on_start_run(start_run& x) {
    entry_.count();
    if (!loaded_)
      return refuse(x.reply, errc::shard_unavailable, "the runs are loading");
    auto active =
      std::count_if(runs_.begin(), runs_.end(), [](const auto& entry) {
        return !has_ended(entry.second.plan.run().status);
      });
    if (static_cast<size_t>(active) >= config_.active_max)
      return refuse(x.reply, errc::queue_full,
                    "so many replay runs are active already");
    if (!rng_)
      rng_ = env_.make_rng();
    auto id = job_id::make(env_.wall(), home_shard(), *rng_);
    x.run.id = id;
    auto& run = runs_.emplace(id, active_run{replay_plan{std::move(x.run)}})
                  .first->second;
    keep(run, x.reply);
    forget_oldest();
    go_on();
  }

  void on_steer_run(steer_run& x) {
    entry_.count();
    auto at = runs_.find(x.id);
    if (at == runs_.end() || at->second.plan.run().tenant != x.tenant)
      return refuse(x.reply,
                    loaded_ ? errc::not_found : errc::shard_unavailable,
                    loaded_ ? "no such run" : "the runs are loading");
    auto& run = at->second;
    bool changed = false;
    switch (x.what) {
      case run_order::pause:
        changed = run.plan.pause();
        break;
      case run_order::resume:
        changed = run.plan.resume();
        break;
      case run_order::cancel:
        changed = run.plan.cancel();
        break;
      case run_order::rate:
        changed = run.plan.set_rate(x.rate_per_s, env_.mono());
        break;
    }
    if (changed)
      keep(run, x.reply);
    else
      answer(x.reply, run);
    go_on();
  }

  void on_list_runs(list_runs& x) {
    entry_.count();
    if (!loaded_)
      return refuse(x.reply, errc::shard_unavailable, "the runs are loading");
    runtime::runs_listed all;
    for (auto at = runs_.rbegin(); at != runs_.rend(); ++at)
      if (at->second.plan.run().tenant == x.tenant)
        all.runs.push_back(at->second.plan.run());
    env_.sinks.post(x.reply, std::move(all));
  }

  // --- loading -------------------------------------------------------------------

  void load() {
    if (auto reader = reader_of(env_, job_id{}))
      self_->send(reader, load_runs{});
    arm(env_.mono() + look_around);
  }

  void on_runs_loaded(runs_loaded& x) {
    entry_.count();
    if (loaded_)
      return;
    if (!x.runs) {
      runtime::log_error("replay", "the runs cannot be read",
                         {{"reason", x.runs.error().context}});
      return; // The next tick asks again.
    }
    loaded_ = true;
    entry_.set_state("open");
    for (auto& run : *x.runs) {
      auto id = run.id;
      auto open = run.open;
      runs_.emplace(id, active_run{replay_plan{std::move(run)}});
      for (auto job : open)
        ask_outcome(id, job, std::nullopt);
    }
    go_on();
  }

  // --- performing -------------------------------------------------------------------

  void go_on() {
    if (!loaded_)
      return;
    std::optional<runtime::mono_time> due;
    for (auto& [id, run] : runs_) {
      auto until = perform(id, run);
      if (until && (!due || *until < *due))
        due = until;
    }
    if (!questions_.empty()) {
      auto later = env_.mono() + look_around;
      due = due ? std::min(*due, later) : later;
    }
    if (due)
      arm(*due);
  }

  /// Until the run has nothing to do; returns when it has again.
  std::optional<runtime::mono_time> perform(job_id id, active_run& run) {
    auto status = run.plan.run().status;
    while (run.kept) {
      auto step = run.plan.next(env_.mono());
      if (auto* list = std::get_if<replay_plan::list_letters>(&step)) {
        ask_letters(id, std::move(list->query));
      } else if (auto* one = std::get_if<replay_plan::replay_letter>(&step)) {
        ask_letter(id, run, one->letter);
      } else {
        if (run.plan.run().status != status)
          keep(run, {});
        return std::get<replay_plan::idle>(step).until;
      }
    }
    return std::nullopt;
  }

  void ask_letters(job_id id, runtime::job_query query) {
    auto to = ask({.what = question::letters, .run = id});
    send_reader(id, list_jobs{std::move(query), to}, to);
  }

  void ask_letter(job_id id, active_run& run, job_id letter) {
    auto to = ask({.what = question::letter, .run = id, .about = letter});
    send_reader(letter, read_output{letter, run.plan.run().tenant, to}, to);
  }

  void ask_outcome(job_id run, job_id job, std::optional<uint32_t> version) {
    auto to = ask({.what = question::outcome, .run = run, .about = job});
    send_shard(job,
               get_job{.id = job,
                       .tenant = runs_.at(run).plan.run().tenant,
                       .if_version = version,
                       .reply = to,
                       .standing = std::nullopt},
               to);
  }

  void keep(active_run& run, sink_ref client) {
    const auto& x = run.plan.run();
    run.kept = false;
    auto to = ask({.what = question::keep, .run = x.id, .client = client});
    send_shard(x.id, keep_run{.run = x, .reply = to}, to);
  }

  void forget_oldest() {
    std::vector<job_id> ended;
    for (const auto& [id, run] : runs_)
      if (has_ended(run.plan.run().status) && run.plan.run().open.empty())
        ended.push_back(id);
    for (size_t i = 0; i + config_.kept_max < ended.size(); ++i) {
      runs_.erase(ended[i]);
      if (auto shard =
            env_.directory.shard<queue_shard_actor>(ended[i].shard()))
        caf::anon_send(
          shard,
          keep_run{.run = {.id = ended[i]}, .forget = true, .reply = {}});
    }
  }

  // --- answers ------------------------------------------------------------------------

  void on_runner_answer(runner_answer& x) {
    entry_.count();
    if (auto what = questions_.take(x.ticket)) {
      handle(*what, x.body);
      go_on();
    }
  }

  void handle(const runner_question& what, runtime::delivery_body& body) {
    auto at = runs_.find(what.run);
    if (at == runs_.end())
      return;
    auto& run = at->second;
    switch (what.what) {
      case question::letters:
        return on_letters(run, body);
      case question::letter:
        return on_letter(what, run, body);
      case question::replay:
        return on_replay(what, run, body);
      case question::outcome:
        return on_outcome(what, run, body);
      case question::keep:
        return on_kept(what, run, body);
    }
  }

  void on_letters(active_run& run, runtime::delivery_body& body) {
    auto* found = std::get_if<runtime::jobs_listed>(&body);
    if (!found)
      return run.plan.list_failed(env_.mono());
    const auto& page = found->page;
    std::vector<job_id> letters;
    for (const auto& record : page.records)
      letters.push_back(record.id);
    std::optional<job_id> next;
    if (page.has_more)
      next = page.scanned_to   ? page.scanned_to
             : letters.empty() ? std::nullopt
                               : std::optional{letters.back()};
    run.plan.listed(letters, next);
    keep(run, {});
  }

  void on_letter(const runner_question& what, active_run& run,
                 runtime::delivery_body& body) {
    auto* found = std::get_if<runtime::output_read>(&body);
    if (!found)
      return on_refusal(what, run, body);
    const auto& record = found->job.record;
    switch (fate_of(record, found->job.spec != nullptr, run.plan.run())) {
      case letter_fate::mine:
        return replayed(what, run, *record.replayed_as);
      case letter_fate::skip:
        return run.plan.skipped(what.about);
      case letter_fate::replay:
        break;
    }
    auto spec = *found->job.spec;
    spec.tier = runtime::service_tier::flex;
    auto edited = config_.edit(spec, run.plan.run().edit);
    if (!edited)
      return run.plan.skipped(what.about);
    auto to =
      ask({.what = question::replay, .run = what.run, .about = what.about});
    send_shard(what.about,
               settle_letter{.id = what.about,
                             .tenant = record.tenant,
                             .replay = std::make_shared<runtime::job_spec>(
                               std::move(*edited)),
                             .reply = to,
                             .found = std::nullopt},
               to);
  }

  void on_replay(const runner_question& what, active_run& run,
                 runtime::delivery_body& body) {
    if (auto* ok = std::get_if<runtime::job_accepted>(&body))
      return replayed(what, run, ok->job.record.id);
    on_refusal(what, run, body);
  }

  void replayed(const runner_question& what, active_run& run, job_id as) {
    run.plan.replayed(what.about, as);
    ask_outcome(what.run, as, std::nullopt);
  }

  void on_outcome(const runner_question& what, active_run& run,
                  runtime::delivery_body& body) {
    if (auto* now = std::get_if<runtime::job_snapshot>(&body)) {
      const auto& record = now->job.record;
      if (is_terminal(record.status))
        run.plan.ended(record);
      else
        ask_outcome(what.run, what.about, record.version);
      return;
    }
    auto* no = std::get_if<refused>(&body);
    if (no && no->why.code == errc::not_found) {
      runtime::job_record gone;
      gone.id = what.about;
      gone.status = runtime::job_status::failed;
      return run.plan.ended(gone);
    }
    questions_.set_aside(what);
  }

  void on_refusal(const runner_question& what, active_run& run,
                  runtime::delivery_body& body) {
    auto* no = std::get_if<refused>(&body);
    if (!no || may_pass(no->why.code))
      return run.plan.deferred(
        what.about,
        runtime::duration{no ? static_cast<int64_t>(no->retry_after_s * 1e6)
                             : 0},
        env_.mono());
    run.plan.skipped(what.about);
  }

  void on_kept(const runner_question& what, active_run& run,
               runtime::delivery_body& body) {
    if (std::holds_alternative<refused>(body)) {
      questions_.set_aside(what);
      return;
    }
    run.kept = !questions_.keeps(what.run);
    if (what.client)
      answer(what.client, run);
  }

  // --- time ---------------------------------------------------------------------------

  void on_tick(uint64_t tick) {
    if (tick != tick_)
      return;
    armed_.reset();
    if (!loaded_)
      return load();
    for (const auto& [ticket, what] : questions_.overdue(env_.mono())) {
      if (what.what == question::outcome && ticket != 0)
        send_shard(what.about, forget_reader{what.about, {sink_, ticket}}, {});
      ask_again(what);
    }
    go_on();
  }

  void ask_again(const runner_question& what) {
    auto at = runs_.find(what.run);
    if (at == runs_.end())
      return;
    auto& plan = at->second.plan;
    switch (what.what) {
      case question::letters:
        return plan.list_failed(env_.mono());
      case question::letter:
      case question::replay:
        return plan.deferred(what.about, runtime::duration{0}, env_.mono());
      case question::outcome:
        return ask_outcome(what.run, what.about, std::nullopt);
      case question::keep:
        return keep(at->second, what.client);
    }
  }

  void arm(runtime::mono_time due) {
    if (armed_ && *armed_ <= due)
      return;
    armed_ = due;
    self_->delayed_send(self_, std::max(tick_min, env_.time_until(due)),
                        runner_tick_atom_v, ++tick_);
  }

  // --- small things ---------------------------------------------------------------------

  sink_ref ask(runner_question what) {
    what.until = env_.mono() + answer_patience;
    return {sink_, questions_.add(what)};
  }

  template <class Message>
  void send_shard(job_id id, Message message, sink_ref to) {
    if (auto shard = env_.directory.shard<queue_shard_actor>(id.shard()))
      caf::anon_send(shard, std::move(message));
    else
      refuse(to, errc::shard_unavailable, "the shard is restarting");
  }

  template <class Message>
  void send_reader(job_id id, Message message, sink_ref to) {
    if (auto reader = reader_of(env_, id))
      caf::anon_send(reader, std::move(message));
    else
      refuse(to, errc::shard_unavailable, "no reader serves");
  }

  runtime::shard_id home_shard() {
    auto shards = std::max<uint32_t>(1, env_.board.shards_total);
    return {static_cast<uint16_t>(rng_->next() % shards)};
  }

  void answer(sink_ref to, const active_run& run) {
    env_.sinks.post(to, runtime::runs_listed{{run.plan.run()}});
  }

  void refuse(sink_ref to, errc code, std::string context) {
    env_.sinks.post(to, refused{.why = runtime::fail(code, std::move(context)),
                                .retry_after_s = may_pass(code) ? 1.0 : 0.0});
  }

  replay_runner_actor::pointer self_;
  actor_env& env_;
  replay_runner_config config_;
  std::optional<runtime::seeded_rng> rng_; ///< From the first run on.
  uint32_t sink_;
  catalog_entry entry_;
  bool loaded_ = false;
  std::map<job_id, active_run> runs_;
  runner_questions questions_;
  std::optional<runtime::mono_time> armed_;
  uint64_t tick_ = 0;
};

} // namespace

replay_runner_actor spawn_replay_runner(actor_env& env,
                                        replay_runner_config config,
                                        uint64_t generation) {
  return env.spawn<replay_runner_actor::stateful_impl<replay_runner_state>>(
    spawn_mode::pooled, &env, std::move(config), generation);
}

} // namespace troupe::actors
