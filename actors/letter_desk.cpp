#include "actors/letter_desk.hpp"

#include "actors/admission_commit.hpp"
#include "actors/store_reader.hpp"
#include "runtime/dead_letter.hpp"
#include "runtime/job_codec.hpp"
#include "runtime/metrics.hpp"

#include <caf/send.hpp>

#include <utility>

namespace troupe::actors {

using runtime::errc;
using runtime::letter_state;
using runtime::letter_verdict;

namespace {

/// A reader that died with a request must not block the letter for ever.
constexpr runtime::duration reader_patience = std::chrono::seconds{10};

} // namespace

letter_desk::letter_desk(actor_env& env)
  : env_{env}, rng_{env.make_rng()}, next_ticket_{rng_.next()} {}

std::optional<commit_request>
letter_desk::settle(settle_letter& x, runtime::shard_ledger& ledger,
                    const runtime::admission_gate& gate) {
  if (!x.found) {
    look_up(x, ledger);
    return std::nullopt;
  }
  auto at = busy_.find(x.id);
  if (at == busy_.end() || at->second.ticket != x.ticket) {
    // The shard started over, or somebody else took the letter meanwhile.
    refuse(x, errc::shard_unavailable, "the shard restarted", 1);
    return std::nullopt;
  }
  auto request = decide(x, ledger, gate);
  if (request)
    at->second.committing = true;
  else
    busy_.erase(at);
  return request;
}

void letter_desk::look_up(settle_letter& x,
                          const runtime::shard_ledger& ledger) {
  auto now = env_.mono();
  auto at = busy_.find(x.id);
  if (at != busy_.end()
      && (at->second.committing || now - at->second.since < reader_patience))
    return refuse(x, errc::idempotency_in_progress,
                  "another request settles this letter", 1);
  if (auto entry = ledger.entry_of(x.who.key))
    return repeat(x, *entry);
  auto reader = reader_of(env_, x.id);
  if (!reader)
    return refuse(x, errc::shard_unavailable, "no reader serves", 1);
  x.ticket = ++next_ticket_;
  busy_[x.id] = {.ticket = x.ticket, .since = now};
  caf::anon_send(reader, std::move(x));
}

/// The key committed with the letter's replay.
void letter_desk::repeat(const settle_letter& x,
                         const runtime::idempotency_entry& entry) {
  if (entry.fingerprint != x.who.fingerprint)
    return refuse(x, errc::idempotency_mismatch,
                  "the key was used with another body");
  if (env_.metrics != nullptr)
    env_.metrics->job_accepted(true);
  show(x, entry.job, view_kind::accepted);
}

void letter_desk::show(const settle_letter& x, runtime::job_id job,
                       view_kind as) {
  if (auto reader = reader_of(env_, job))
    caf::anon_send(
      reader,
      read_view{.id = job, .tenant = x.tenant, .as = as, .reply = x.reply});
  else
    refuse(x, errc::shard_unavailable, "no reader serves", 1);
}

std::optional<commit_request>
letter_desk::decide(settle_letter& x, runtime::shard_ledger& ledger,
                    const runtime::admission_gate& gate) {
  const auto& found = *x.found;
  if (!found) {
    refuse(x, found.error().code, found.error().context);
    return std::nullopt;
  }
  auto verdict = found->tenant == x.tenant ? judge_letter(*found)
                                           : letter_verdict::no_letter;
  switch (verdict) {
    case letter_verdict::settle:
      return x.replay ? replay(x, ledger, gate) : drop(x, ledger.epoch());
    case letter_verdict::replayed_already:
      if (!x.replay)
        env_.sinks.post(x.reply, runtime::job_snapshot{{.record = *found}});
      else
        show(x, *found->replayed_as,
             x.who.key.empty() ? view_kind::accepted : view_kind::snapshot);
      return std::nullopt;
    case letter_verdict::dropped_already:
      if (x.replay)
        refuse(x, errc::not_found, "the letter was dropped");
      else
        env_.sinks.post(x.reply, runtime::job_snapshot{{.record = *found}});
      return std::nullopt;
    case letter_verdict::no_letter:
      refuse(x, errc::not_found, "no such dead letter");
      return std::nullopt;
  }
  return std::nullopt;
}

/// The new job and the letter's new state are one commit.
std::optional<commit_request>
letter_desk::replay(settle_letter& x, runtime::shard_ledger& ledger,
                    const runtime::admission_gate& gate) {
  auto outcome = ledger.admit(*x.replay, x.who, gate, env_.wall(), rng_);
  if (auto* no = std::get_if<runtime::refused>(&outcome)) {
    env_.sinks.post(x.reply, std::move(*no));
    return std::nullopt;
  }
  ++env_.board.live_jobs;
  auto letter = std::move(**x.found);
  letter.letter = letter_state::replayed;
  letter.replayed_as = x.replay->id;
  auto request = make_admission_commit(
    ledger.epoch(), std::get<runtime::admitted>(std::move(outcome)),
    std::move(x.replay), x.who.key, ledger.entry_of(x.who.key), x.reply);
  request.ops.push_back(runtime::put_record{
    .id = letter.id, .live = false, .bytes = runtime::encode(letter)});
  request.notes.push_back(
    {.what = commit_note::kind::settled, .record = std::move(letter)});
  return request;
}

std::optional<commit_request> letter_desk::drop(settle_letter& x,
                                                uint64_t epoch) {
  auto letter = std::move(**x.found);
  letter.letter = letter_state::dropped;
  commit_request request{.shard = letter.id.shard(), .epoch = epoch};
  request.ops.push_back(runtime::put_record{
    .id = letter.id, .live = false, .bytes = runtime::encode(letter)});
  request.deliveries.emplace_back(x.reply,
                                  runtime::job_snapshot{{.record = letter}});
  request.notes.push_back(
    {.what = commit_note::kind::settled, .record = std::move(letter)});
  return request;
}

void letter_desk::refuse(const settle_letter& x, errc code, std::string context,
                         double retry_s) {
  env_.sinks.post(
    x.reply, runtime::refused{.why = runtime::fail(code, std::move(context)),
                              .retry_after_s = retry_s});
}

commit_request make_run_commit(uint64_t epoch, const keep_run& x) {
  commit_request request{.shard = x.run.id.shard(), .epoch = epoch};
  request.ops.push_back(runtime::put_run{
    x.run.id, x.forget ? std::string{} : runtime::encode(x.run)});
  request.deliveries.emplace_back(x.reply, runtime::runs_listed{{x.run}});
  return request;
}

} // namespace troupe::actors
