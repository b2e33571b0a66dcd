#include "gateway/job_answers.hpp"

#include "gateway/connection.hpp"
#include "gateway/io_thread.hpp"
#include "gateway/pending_answer.hpp"

#include <utility>

namespace troupe::gateway {

using runtime::job_id;
using runtime::job_view;
using runtime::refused;

namespace {

job_port& jobs_of(exchange& ex) {
  return ex.home.shared().parts.jobs;
}

// Waits as long as an actor or the store may take.
template <class T>
task<answer_or_refusal<T>> answer_of(exchange& ex, pending_answer& pending) {
  const auto until = ex.home.now() + ex.home.limits().answer_timeout;
  auto body = co_await pending.wait(until);
  if (!body && !ex.conn.peer_gone())
    ex.home.counters().timeouts_answer.add();
  co_return expect_answer<T>(std::move(body));
}

} // namespace

task<answer_or_refusal<job_view>> ask_job(exchange& ex, job_id id) {
  pending_answer pending{ex.conn};
  jobs_of(ex).get(id, std::string{ex.tenant}, std::nullopt, pending.ref());
  auto answer = co_await answer_of<runtime::job_snapshot>(ex, pending);
  if (auto* no = std::get_if<refused>(&answer))
    co_return std::move(*no);
  co_return std::move(std::get<runtime::job_snapshot>(answer).job);
}

task<void> follow_job(exchange& ex, job_view& job, wait_rule rule) {
  peer_watch watch{ex.conn};
  const auto first_version = job.record.version;
  while (!runtime::is_terminal(job.record.status)
         && !(rule.any_change && job.record.version > first_version)
         && ex.home.now() < rule.until && !ex.conn.peer_gone()) {
    pending_answer pending{ex.conn};
    jobs_of(ex).get(job.record.id, std::string{ex.tenant}, job.record.version,
                    pending.ref());
    auto body = co_await pending.wait(rule.until);
    if (!body) {
      jobs_of(ex).forget(job.record.id, pending.ref());
      co_return;
    }
    auto* newer = std::get_if<runtime::job_snapshot>(&*body);
    if (!newer)
      co_return; // The shard restarts: what is known is still true.
    job = std::move(newer->job);
  }
}

task<answer_or_refusal<runtime::output_read>> ask_output(exchange& ex,
                                                         job_id id) {
  pending_answer pending{ex.conn};
  jobs_of(ex).read_output(id, std::string{ex.tenant}, pending.ref());
  co_return co_await answer_of<runtime::output_read>(ex, pending);
}

task<answer_or_refusal<std::vector<runtime::event>>>
ask_events(exchange& ex, job_id id, uint64_t from, uint32_t limit) {
  pending_answer pending{ex.conn};
  jobs_of(ex).read_events(id, std::string{ex.tenant}, from, limit,
                          pending.ref());
  auto answer = co_await answer_of<runtime::events_page>(ex, pending);
  if (auto* no = std::get_if<refused>(&answer))
    co_return std::move(*no);
  co_return std::move(std::get<runtime::events_page>(answer).events);
}

task<answer_or_refusal<runtime::job_estimated>>
ask_estimate(exchange& ex, runtime::job_spec spec) {
  pending_answer pending{ex.conn};
  jobs_of(ex).estimate(std::move(spec), pending.ref());
  co_return co_await answer_of<runtime::job_estimated>(ex, pending);
}

task<answer_or_refusal<job_view>> ask_cancel(exchange& ex, job_id id,
                                             std::string reason) {
  pending_answer pending{ex.conn};
  jobs_of(ex).cancel(id, std::string{ex.tenant}, std::move(reason),
                     pending.ref());
  auto answer = co_await answer_of<runtime::job_snapshot>(ex, pending);
  if (auto* no = std::get_if<refused>(&answer))
    co_return std::move(*no);
  co_return std::move(std::get<runtime::job_snapshot>(answer).job);
}

task<answer_or_refusal<runtime::job_page>> ask_list(exchange& ex,
                                                    runtime::job_query query) {
  pending_answer pending{ex.conn};
  jobs_of(ex).list(std::move(query), pending.ref());
  auto answer = co_await answer_of<runtime::jobs_listed>(ex, pending);
  if (auto* no = std::get_if<refused>(&answer))
    co_return std::move(*no);
  co_return std::move(std::get<runtime::jobs_listed>(answer).page);
}

peer_watch::peer_watch(connection& conn) : conn_{conn} {
  conn_.watch_peer(early_input::keep);
}

peer_watch::~peer_watch() {
  conn_.unwatch_peer();
}

} // namespace troupe::gateway
