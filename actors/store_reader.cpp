#include "actors/store_reader.hpp"

#include "actors/job.hpp"
#include "actors/queue_shard.hpp"
#include "actors/replay_runner.hpp"

#include <caf/send.hpp>

#include <limits>

namespace troupe::actors {
namespace {

using runtime::errc;

class store_reader_state {
public:
  static constexpr const char* name = "troupe.store_reader";

  store_reader_state(store_reader_actor::pointer self, actor_env* env,
                     const runtime::store_reader* store, size_t index,
                     uint64_t generation)
    : self_{self}, env_{*env}, store_{*store}, entry_{env_.enrol(
                                                 self->ctrl(), name,
                                                 directory::reader_name(index),
                                                 generation)} {
    install_handlers(self, env_);
  }

  store_reader_actor::behavior_type make_behavior() {
    entry_.set_state("idle");
    return {
      [this](load_job& x) { on_load_job(x); },
      [this](read_view& x) { on_read_view(x); },
      [this](read_events& x) { on_read_events(x); },
      [this](read_output& x) { on_read_output(x); },
      [this](load_runs) { on_load_runs(); },
      [this](settle_letter& x) { on_settle_letter(x); },
      [this](list_jobs& x) { on_list_jobs(x); },
      [this](inspect_actor) { return entry_.snapshot(); },
    };
  }

private:
  void on_load_job(const load_job& x) {
    entry_.count();
    job_loaded answer{.record = store_.record(x.id)};
    if (answer.record) {
      answer.spec = spec_of(x.id);
      auto events = store_.events(x.id, 0, std::numeric_limits<size_t>::max());
      if (events)
        answer.events = std::move(*events);
      else
        answer.record = events.error();
    }
    auto job = caf::actor_cast<job_actor>(self_->current_sender());
    if (job)
      caf::anon_send(job, std::move(answer));
  }

  void on_read_view(const read_view& x) {
    entry_.count();
    auto record = own(x.id, x.tenant);
    if (!record)
      return refuse(x.reply, record.error());
    runtime::job_view view{.spec = spec_of(x.id),
                           .record = std::move(*record),
                           .standing = x.standing};
    switch (x.as) {
      case view_kind::snapshot:
        return post(x.reply, runtime::job_snapshot{std::move(view)});
      case view_kind::accepted:
        return post(x.reply, runtime::job_accepted{std::move(view), true});
      case view_kind::watch: {
        auto next = view.record.next_seq;
        return post(x.reply, runtime::watch_opened{.job = std::move(view),
                                                   .next_seq = next});
      }
    }
  }

  void on_read_events(const read_events& x) {
    entry_.count();
    auto record = own(x.id, x.tenant);
    if (!record)
      return refuse(x.reply, record.error());
    auto events = store_.events(x.id, x.from_seq, x.limit);
    if (!events)
      return refuse(x.reply, events.error());
    post(x.reply, runtime::events_page{std::move(*events)});
  }

  void on_read_output(const read_output& x) {
    entry_.count();
    auto record = own(x.id, x.tenant);
    if (!record)
      return refuse(x.reply, record.error());
    runtime::output_read answer{
      .job = {.spec = spec_of(x.id), .record = std::move(*record)}};
    if (is_terminal(answer.job.record.status)) {
      auto output = store_.output(x.id);
      if (output)
        answer.output = std::move(*output);
      else if (output.error().code != errc::not_found)
        return refuse(x.reply, output.error());
    }
    post(x.reply, std::move(answer));
  }

  void on_load_runs() {
    entry_.count();
    auto runner = caf::actor_cast<replay_runner_actor>(self_->current_sender());
    if (runner)
      caf::anon_send(runner, runs_loaded{store_.runs()});
  }

  void on_settle_letter(settle_letter& x) {
    entry_.count();
    x.found = store_.record(x.id);
    if (auto shard = env_.directory.shard<queue_shard_actor>(x.id.shard()))
      caf::anon_send(shard, std::move(x));
    else
      refuse(x.reply, {errc::shard_unavailable, "the shard is restarting"});
  }

  void on_list_jobs(const list_jobs& x) {
    entry_.count();
    auto page = store_.list(x.query);
    if (!page)
      return refuse(x.reply, page.error());
    post(x.reply, runtime::jobs_listed{std::move(*page)});
  }

  /// The record, unless there is none or it is somebody else's.
  runtime::result<runtime::job_record> own(runtime::job_id id,
                                           const std::string& tenant) {
    auto record = store_.record(id);
    if (record && record->tenant != tenant)
      return runtime::fail(errc::not_found, "no such job");
    return record;
  }

  runtime::spec_ptr spec_of(runtime::job_id id) {
    auto spec = store_.spec(id);
    if (!spec)
      return nullptr;
    return std::make_shared<const runtime::job_spec>(std::move(*spec));
  }

  void refuse(runtime::sink_ref to, runtime::failure why) {
    post(to, runtime::refused{.why = std::move(why)});
  }
  void post(runtime::sink_ref to, runtime::delivery_body body) {
    env_.sinks.post(to, std::move(body));
  }

  store_reader_actor::pointer self_;
  actor_env& env_;
  const runtime::store_reader& store_;
  catalog_entry entry_;
};

} // namespace

store_reader_actor spawn_store_reader(actor_env& env,
                                      const runtime::store_reader& store,
                                      size_t index, uint64_t generation) {
  return env.spawn<store_reader_actor::stateful_impl<store_reader_state>>(
    env.blocking, &env, &store, index, generation);
}

store_reader_actor reader_of(actor_env& env, runtime::job_id id) {
  return env.directory.find<store_reader_actor>(
    directory::reader_name(id.low() % store_readers));
}

} // namespace troupe::actors
