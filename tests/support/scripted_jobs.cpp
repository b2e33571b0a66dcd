#include "tests/support/scripted_jobs.hpp"

#include "runtime/storage/job_scan.hpp"

#include <algorithm>
#include <chrono>

namespace troupe::tests {

using runtime::errc;
using runtime::job_id;
using runtime::refused;
using runtime::sink_ref;

namespace {

constexpr std::chrono::seconds patience{10};

runtime::wall_time now() {
  return runtime::system_clock().wall();
}

} // namespace

scripted_jobs::scripted_jobs(runtime::sink_directory& sinks) : sinks_{sinks} {
  status_.shards_ready = status_.shards_total = 4;
  status_.store = {
    .free_bytes = UINT64_MAX, .kind = "memory", .durability = "fsync"};
  status_.models = {
    {.name = "sim",
     .kind = "simulated",
     .tasks = {runtime::task_kind::chat, runtime::task_kind::complete},
     .context_length = 4096,
     .ready = true},
    {.name = "writer",
     .kind = "torch_decoder",
     .tasks = {runtime::task_kind::complete},
     .context_length = 256,
     .ready = true}};
}

job_id scripted_jobs::job(size_t n) {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, patience, [&] { return order_.size() > n; });
  return n < order_.size() ? order_[n] : job_id{};
}

size_t scripted_jobs::submitted() const {
  std::lock_guard lock{mutex_};
  return order_.size();
}

runtime::job_spec scripted_jobs::spec_of(job_id id) const {
  std::lock_guard lock{mutex_};
  return *jobs_.at(id).spec;
}

void scripted_jobs::begin(entry& x, answers& out) {
  apply(x,
        x.machine.begin(
          {.id = {x.machine.record().id, 1, x.machine.record().attempt + 1},
           .model = x.machine.record().model,
           .worker = "sim/0@a"},
          now()),
        out);
}

void scripted_jobs::start(job_id id) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    begin(jobs_.at(id), out);
  }
  send(std::move(out));
}

void scripted_jobs::output(job_id id, std::string text) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    auto& x = jobs_.at(id);
    apply(x, x.machine.output(x.machine.current(), std::move(text), 1, now()),
          out);
  }
  send(std::move(out));
}

void scripted_jobs::finish(job_id id) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    auto& x = jobs_.at(id);
    apply(x,
          x.machine.finish(x.machine.current(),
                           {.input_tokens = 5, .output_tokens = 2}, now()),
          out);
  }
  send(std::move(out));
}

void scripted_jobs::fail(job_id id, runtime::failure why) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    auto& x = jobs_.at(id);
    apply(x, x.machine.fail(x.machine.current(), std::move(why), now()), out);
  }
  send(std::move(out));
}

void scripted_jobs::lose(job_id id, runtime::attempt_loss loss,
                         runtime::failure why) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    auto& x = jobs_.at(id);
    apply(x, x.machine.lost(x.machine.current(), loss, why, now(), 0.5), out);
  }
  send(std::move(out));
}

void scripted_jobs::run_to_end(entry& x, std::string text, answers& out) {
  begin(x, out);
  apply(x, x.machine.output(x.machine.current(), std::move(text), 1, now()),
        out);
  apply(x,
        x.machine.finish(x.machine.current(),
                         {.input_tokens = 5, .output_tokens = 1}, now()),
        out);
}

void scripted_jobs::complete(job_id id, std::string text) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    run_to_end(jobs_.at(id), std::move(text), out);
  }
  send(std::move(out));
}

void scripted_jobs::retire(job_id id) {
  std::lock_guard lock{mutex_};
  auto& x = jobs_.at(id);
  x.spec = nullptr;
  x.events.clear();
  x.output.reset();
}

job_id scripted_jobs::foreign_job() {
  std::lock_guard lock{mutex_};
  runtime::job_spec spec{
    .tenant = "someone-else", .model = "sim", .text = "secret"};
  return admit(std::move(spec));
}

void scripted_jobs::refuse_submissions(std::optional<refused> with) {
  std::lock_guard lock{mutex_};
  refusal_ = std::move(with);
}
void scripted_jobs::ignore_submissions(bool on) {
  std::lock_guard lock{mutex_};
  ignore_submissions_ = on;
}
void scripted_jobs::hold_idempotency(bool on) {
  std::lock_guard lock{mutex_};
  hold_idempotency_ = on;
}
void scripted_jobs::go_silent(bool on) {
  std::lock_guard lock{mutex_};
  silent_ = on;
}
void scripted_jobs::deliver_live(live_delivery how) {
  std::lock_guard lock{mutex_};
  live_ = how;
}
void scripted_jobs::complete_at_once(bool on) {
  std::lock_guard lock{mutex_};
  complete_at_once_ = on;
}
void scripted_jobs::set_status(gateway::node_status status) {
  std::lock_guard lock{mutex_};
  status_ = std::move(status);
}
void scripted_jobs::set_alive(bool alive) {
  std::lock_guard lock{mutex_};
  alive_ = alive;
}

size_t scripted_jobs::count_readers() const {
  size_t n = 0;
  for (const auto& [id, x] : jobs_)
    n += x.watchers.size() + x.gets.size();
  return n;
}

size_t scripted_jobs::readers() const {
  std::lock_guard lock{mutex_};
  return count_readers();
}

bool scripted_jobs::wait_for_readers(size_t n) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, patience,
                           [&] { return count_readers() == n; });
}

job_id scripted_jobs::admit(runtime::job_spec spec) {
  const auto id =
    job_id::make(now(), {static_cast<uint16_t>(order_.size() % 4)}, random_);
  spec.id = id;
  auto record = runtime::make_record(spec);
  std::vector<runtime::event> events{
    {.seq = 0, .at = now(), .body = runtime::job_created{record}},
    {.seq = 1, .at = now(), .body = runtime::job_queued{order_.size(), 0.25}}};
  record.next_seq = 2;
  jobs_.emplace(
    id, entry{.spec = std::make_shared<runtime::job_spec>(std::move(spec)),
              .machine = runtime::job_machine{record},
              .events = std::move(events),
              .output = {},
              .watchers = {},
              .gets = {}});
  order_.push_back(id);
  changed_.notify_all();
  return id;
}

runtime::job_view scripted_jobs::view_of(const entry& x) const {
  return {.spec = x.spec, .record = x.record()};
}

runtime::job_record scripted_jobs::entry::record() const {
  auto record = machine.record();
  record.letter = letter;
  record.replayed_as = replayed_as;
  return record;
}

// Like the journal: what a step changes is durable, then everybody is told.
void scripted_jobs::apply(entry& x, runtime::job_step step, answers& out) {
  x.events.insert(x.events.end(), step.events.begin(), step.events.end());
  if (step.output)
    x.output = step.output;
  if (!step.events.empty()) {
    auto batch = std::make_shared<std::vector<runtime::event>>(step.events);
    if (live_ == live_delivery::overlapping)
      *batch = x.events;
    const bool deliver = live_ != live_delivery::lossy || step.terminal;
    const int times = live_ == live_delivery::overlapping ? 2 : 1;
    for (int i = 0; deliver && i < times; ++i)
      for (const auto to : x.watchers)
        out.emplace_back(to, runtime::job_events{x.machine.record().id, batch});
  }
  if (step.record_changed)
    for (const auto to : std::exchange(x.gets, {}))
      out.emplace_back(to, runtime::job_snapshot{view_of(x)});
  if (step.terminal)
    x.watchers.clear();
  changed_.notify_all();
}

scripted_jobs::entry* scripted_jobs::find(job_id id, const std::string& tenant,
                                          sink_ref reply, answers& out) {
  if (silent_)
    return nullptr;
  const auto at = jobs_.find(id);
  if (at == jobs_.end() || at->second.machine.record().tenant != tenant) {
    out.emplace_back(reply,
                     refused{runtime::fail(errc::not_found, "no such job")});
    return nullptr;
  }
  return &at->second;
}

// Outside of the lock: a sink may run anything.
void scripted_jobs::send(answers out) {
  sinks_.post_all(std::move(out));
}

void scripted_jobs::estimate(runtime::job_spec spec, sink_ref reply) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    runtime::job_estimated x{.record = runtime::make_record(spec),
                             .standing = {.position = 4, .wait_s = 2},
                             .service_p50_s = 0.5,
                             .service_p90_s = 1.5,
                             .output_tokens_p90 = 310,
                             .wait_ratio_p90 = 1.5,
                             .refusal = refusal_};
    x.record.forecast.input_tokens = 31;
    x.record.forecast.output_tokens_p50 = 120;
    out.emplace_back(reply, std::move(x));
  }
  send(std::move(out));
}

void scripted_jobs::submit(runtime::job_spec spec,
                           gateway::submit_options options, sink_ref reply) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    if (silent_ || ignore_submissions_)
      return;
    const auto known = keys_.find(options.idempotency_key);
    if (!options.idempotency_key.empty() && known != keys_.end()) {
      if (hold_idempotency_)
        out.emplace_back(reply,
                         refused{runtime::fail(errc::idempotency_in_progress)});
      else if (known->second.fingerprint != options.fingerprint)
        out.emplace_back(reply,
                         refused{runtime::fail(errc::idempotency_mismatch)});
      else
        out.emplace_back(reply, runtime::job_accepted{
                                  view_of(jobs_.at(known->second.job)), true});
    } else if (refusal_) {
      out.emplace_back(reply, *refusal_);
    } else {
      const auto id = admit(std::move(spec));
      if (!options.idempotency_key.empty())
        keys_[options.idempotency_key] = {id, options.fingerprint};
      auto& x = jobs_.at(id);
      auto view = view_of(x);
      view.standing = {.position = order_.size() - 1, .wait_s = 0.25};
      out.emplace_back(reply, runtime::job_accepted{std::move(view), false});
      if (complete_at_once_)
        run_to_end(x, "Hello.", out);
    }
  }
  send(std::move(out));
}

void scripted_jobs::get(job_id id, std::string tenant,
                        std::optional<uint32_t> if_version, sink_ref reply) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    if (auto* x = find(id, tenant, reply, out)) {
      const auto& record = x->machine.record();
      if (if_version && record.version <= *if_version
          && !runtime::is_terminal(record.status)) {
        x->gets.push_back(reply);
        changed_.notify_all();
      } else {
        out.emplace_back(reply, runtime::job_snapshot{view_of(*x)});
      }
    }
  }
  send(std::move(out));
}

void scripted_jobs::watch(job_id id, std::string tenant, sink_ref reply) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    if (auto* x = find(id, tenant, reply, out)) {
      if (!x->machine.terminal())
        x->watchers.push_back(reply);
      out.emplace_back(
        reply, runtime::watch_opened{.job = view_of(*x),
                                     .next_seq = x->machine.record().next_seq});
      changed_.notify_all();
    }
  }
  send(std::move(out));
}

void scripted_jobs::forget(job_id id, sink_ref reply) {
  std::lock_guard lock{mutex_};
  const auto at = jobs_.find(id);
  if (at == jobs_.end())
    return;
  std::erase(at->second.watchers, reply);
  std::erase(at->second.gets, reply);
  changed_.notify_all();
}

void scripted_jobs::cancel(job_id id, std::string tenant, std::string reason,
                           sink_ref reply) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    if (auto* x = find(id, tenant, reply, out)) {
      apply(*x, x->machine.cancel(std::move(reason), now()), out);
      out.emplace_back(reply, runtime::job_snapshot{view_of(*x)});
    }
  }
  send(std::move(out));
}

void scripted_jobs::read_events(job_id id, std::string tenant,
                                uint64_t from_seq, uint32_t limit,
                                sink_ref reply) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    if (auto* x = find(id, tenant, reply, out)) {
      runtime::events_page page;
      for (const auto& e : x->events)
        if (e.seq >= from_seq && page.events.size() < limit)
          page.events.push_back(e);
      out.emplace_back(reply, std::move(page));
    }
  }
  send(std::move(out));
}

void scripted_jobs::read_output(job_id id, std::string tenant, sink_ref reply) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    if (auto* x = find(id, tenant, reply, out))
      out.emplace_back(reply, runtime::output_read{view_of(*x), x->output});
  }
  send(std::move(out));
}

void scripted_jobs::list(runtime::job_query query, sink_ref reply) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    if (silent_)
      return;
    runtime::jobs_listed answer;
    auto ids = order_;
    if (query.descending)
      std::reverse(ids.begin(), ids.end());
    for (const auto id : ids) {
      const auto record = jobs_.at(id).record();
      const auto spec = jobs_.at(id).spec;
      const bool fits =
        matches(query.filter, record)
        && (query.filter.metadata.empty()
            || (spec && metadata_matches(query.filter, *spec)))
        && (!query.after
            || (query.descending ? id < *query.after : id > *query.after));
      if (!fits)
        continue;
      if (answer.page.records.size() == query.limit) {
        answer.page.has_more = true;
        break;
      }
      answer.page.records.push_back(record);
    }
    out.emplace_back(reply, std::move(answer));
  }
  send(std::move(out));
}

gateway::node_status scripted_jobs::status() const {
  std::lock_guard lock{mutex_};
  return status_;
}

bool scripted_jobs::alive() const {
  std::lock_guard lock{mutex_};
  return alive_;
}

} // namespace troupe::tests
