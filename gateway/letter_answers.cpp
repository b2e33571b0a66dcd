#include "gateway/letter_answers.hpp"

#include "gateway/connection.hpp"
#include "gateway/io_thread.hpp"
#include "gateway/pending_answer.hpp"

#include <functional>
#include <memory>
#include <utility>

namespace troupe::gateway {

using runtime::errc;
using runtime::job_accepted;
using runtime::job_id;
using runtime::job_snapshot;
using runtime::job_spec;
using runtime::refused;

namespace {

constexpr uint32_t events_per_page = 1000;
constexpr std::chrono::milliseconds busy_poll{50};

job_port& jobs_of(exchange& ex) {
  return ex.home.shared().parts.jobs;
}

task<answer_or_refusal<replay_runs>> runs_of(exchange& ex,
                                             pending_answer& pending) {
  const auto until = ex.home.now() + ex.home.limits().answer_timeout;
  auto body = co_await pending.wait(until);
  if (!body && !ex.conn.peer_gone())
    ex.home.counters().timeouts_answer.add();
  auto answer = expect_answer<runtime::runs_listed>(std::move(body));
  if (auto* no = std::get_if<refused>(&answer))
    co_return std::move(*no);
  co_return std::move(std::get<runtime::runs_listed>(answer).runs);
}

using how_made = replay_made::kind;
using asking = std::function<void(runtime::sink_ref)>;

/// `keyed`: the request had a key.
answer_or_refusal<replay_made>
replay_of_answer(std::optional<runtime::delivery_body> body, bool keyed) {
  if (!body)
    return refused{runtime::fail(errc::internal,
                                 "it is not known whether the job was "
                                 "accepted: list the newest jobs"),
                   0.0};
  if (auto* seen = std::get_if<job_snapshot>(&*body))
    return replay_made{std::move(seen->job), how_made::earlier};
  auto answer = expect_answer<job_accepted>(std::move(body));
  if (auto* no = std::get_if<refused>(&answer))
    return std::move(*no);
  auto& accepted = std::get<job_accepted>(answer);
  auto how = how_made::made;
  if (accepted.replayed)
    how = keyed ? how_made::repeated : how_made::earlier;
  return replay_made{std::move(accepted.job), how};
}

/// Asks until it is settled: somebody else may be about it just now, and the
/// outcome is ours, too.
task<answer_or_refusal<replay_made>>
asked_again(exchange& ex, const submit_options& options, const asking& ask) {
  const auto began = ex.home.now();
  const auto& limits = ex.home.limits();
  for (;;) {
    pending_answer pending{ex.conn};
    ask(pending.ref());
    auto body = co_await pending.wait(began + limits.submit_timeout);
    if (!body)
      ex.home.counters().timeouts_answer.add();
    auto answer =
      replay_of_answer(std::move(body), !options.idempotency_key.empty());
    const auto* no = std::get_if<refused>(&answer);
    if (!no || no->why.code != errc::idempotency_in_progress
        || ex.home.now() - began >= limits.idempotency_wait)
      co_return answer;
    const auto again = ex.home.now() + busy_poll;
    while (ex.home.now() < again && !ex.conn.peer_gone())
      co_await ex.conn.suspend(again);
  }
}

} // namespace

task<answer_or_refusal<replay_made>>
ask_submit(exchange& ex, const job_spec& spec, const submit_options& options) {
  const asking ask = [&](runtime::sink_ref to) {
    jobs_of(ex).submit(spec, options, to);
  };
  co_return co_await asked_again(ex, options, ask);
}

task<answer_or_refusal<replay_made>> ask_replay(exchange& ex, job_id id,
                                                const job_spec& spec,
                                                const submit_options& options) {
  const asking ask = [&](runtime::sink_ref to) {
    jobs_of(ex).replay_letter(id, spec, options, to);
  };
  co_return co_await asked_again(ex, options, ask);
}

task<uint64_t> ask_drop(exchange& ex, const std::vector<job_id>& ids) {
  // Together, so that they share commits.
  std::vector<std::unique_ptr<pending_answer>> all;
  for (const auto id : ids) {
    all.push_back(std::make_unique<pending_answer>(ex.conn));
    jobs_of(ex).drop_letter(id, std::string{ex.tenant}, all.back()->ref());
  }
  const auto until = ex.home.now() + ex.home.limits().answer_timeout;
  uint64_t dropped = 0;
  for (auto& pending : all) {
    auto body = co_await pending->wait(until);
    const auto answer = expect_answer<job_snapshot>(std::move(body));
    const auto* done = std::get_if<job_snapshot>(&answer);
    dropped +=
      done && done->job.record.letter == runtime::letter_state::dropped ? 1 : 0;
  }
  co_return dropped;
}

task<answer_or_refusal<runtime::job_view>> ask_drop(exchange& ex, job_id id) {
  pending_answer pending{ex.conn};
  jobs_of(ex).drop_letter(id, std::string{ex.tenant}, pending.ref());
  const auto until = ex.home.now() + ex.home.limits().answer_timeout;
  auto body = co_await pending.wait(until);
  if (!body && !ex.conn.peer_gone())
    ex.home.counters().timeouts_answer.add();
  auto answer = expect_answer<job_snapshot>(std::move(body));
  if (auto* no = std::get_if<refused>(&answer))
    co_return std::move(*no);
  co_return std::move(std::get<job_snapshot>(answer).job);
}

task<answer_or_refusal<std::vector<runtime::past_attempt>>>
ask_attempts(exchange& ex, job_id id) {
  runtime::attempt_trail trail;
  for (uint64_t from = 0;;) {
    auto answer = co_await ask_events(ex, id, from, events_per_page);
    if (auto* no = std::get_if<refused>(&answer))
      co_return std::move(*no);
    const auto& events = std::get<std::vector<runtime::event>>(answer);
    if (events.empty())
      co_return trail.attempts();
    for (const auto& x : events)
      trail.add(x);
    from = events.back().seq + 1;
  }
}

task<answer_or_refusal<replay_runs>> ask_start(exchange& ex,
                                               runtime::replay_run run) {
  pending_answer pending{ex.conn};
  jobs_of(ex).start_run(std::move(run), pending.ref());
  co_return co_await runs_of(ex, pending);
}

task<answer_or_refusal<replay_runs>>
ask_steer(exchange& ex, job_id id, run_steering what, double rate_per_s) {
  pending_answer pending{ex.conn};
  jobs_of(ex).steer_run(id, std::string{ex.tenant}, what, rate_per_s,
                        pending.ref());
  co_return co_await runs_of(ex, pending);
}

task<answer_or_refusal<replay_runs>> ask_runs(exchange& ex) {
  pending_answer pending{ex.conn};
  jobs_of(ex).list_runs(std::string{ex.tenant}, pending.ref());
  co_return co_await runs_of(ex, pending);
}

} // namespace troupe::gateway
