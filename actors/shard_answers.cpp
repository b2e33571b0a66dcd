#include "actors/shard_answers.hpp"

#include "actors/store_reader.hpp"
#include "runtime/metrics.hpp"

#include <caf/send.hpp>

namespace troupe::actors {

using runtime::errc;

runtime::refused shard_answers::closed_reason() const {
  if (trouble_)
    return {.why =
              runtime::fail(errc::shard_unavailable,
                            "the shard is quarantined: " + trouble_->context),
            .retry_after_s = 30};
  return {.why = runtime::fail(errc::shard_unavailable, "the shard is loading"),
          .retry_after_s = 1};
}

void shard_answers::refuse(runtime::sink_ref to, runtime::refused why) {
  env_.sinks.post(to, std::move(why));
}

void shard_answers::refuse_submit(runtime::sink_ref to, runtime::refused why) {
  if (env_.metrics != nullptr)
    env_.metrics->job_refused(why.why.code);
  refuse(to, std::move(why));
}

void shard_answers::still_commits(runtime::sink_ref to) {
  refuse(to, {.why = runtime::fail(errc::idempotency_in_progress,
                                   "the first request with this key commits"),
              .retry_after_s = 1});
}

void shard_answers::read(runtime::job_id id, const std::string& tenant,
                         view_kind as,
                         std::optional<runtime::queue_standing> standing,
                         runtime::sink_ref to) {
  if (auto reader = reader_of(env_, id))
    caf::anon_send(reader, read_view{.id = id,
                                     .tenant = tenant,
                                     .as = as,
                                     .standing = standing,
                                     .reply = to});
  else
    refuse(to,
           {.why = runtime::fail(errc::shard_unavailable, "no reader serves"),
            .retry_after_s = 1});
}

std::optional<commit_request>
shard_answers::repeat(const runtime::shard_ledger& ledger,
                      const runtime::repeated& again, const submit_job& x,
                      bool in_memory) {
  if (env_.metrics != nullptr)
    env_.metrics->job_accepted(true);
  auto spec = ledger.spec(again.id);
  const auto* record = ledger.find(again.id);
  if (record != nullptr && spec && in_memory) {
    commit_request request{.shard = ledger.shard(), .epoch = ledger.epoch()};
    request.deliveries.emplace_back(
      x.reply, runtime::job_accepted{.job = {.spec = spec, .record = *record},
                                     .replayed = true});
    return request;
  }
  if (again.committing)
    refuse(x.reply,
           {.why = runtime::fail(errc::idempotency_in_progress,
                                 "the first request with this key commits"),
            .retry_after_s = 1});
  else
    read(again.id, x.spec->tenant, view_kind::accepted,
         ledger.standing(again.id), x.reply);
  return std::nullopt;
}

void shard_answers::count_steps(const runtime::job_record& record) {
  if (env_.metrics != nullptr)
    for (const auto& step : record.degradations)
      env_.metrics->degraded(record.model, to_string(step.kind),
                             to_string(runtime::decision_stage::admission));
}

void shard_answers::show(const runtime::shard_ledger& ledger, const get_job& x,
                         runtime::spec_ptr spec) {
  const auto& record = *ledger.find(x.id);
  runtime::job_view view{
    .spec = std::move(spec), .record = record, .standing = x.standing};
  view.why = x.why;
  env_.sinks.post(x.reply, runtime::job_snapshot{std::move(view)});
}

const runtime::job_record*
shard_answers::authorise(const runtime::shard_ledger& ledger,
                         runtime::job_id id, const std::string& tenant,
                         view_kind as, runtime::sink_ref to) {
  if (!open_) {
    refuse(to, closed_reason());
    return nullptr;
  }
  const auto* record = ledger.find(id);
  if (record == nullptr) {
    read(id, tenant, as, ledger.standing(id), to);
    return nullptr;
  }
  if (record->tenant != tenant) {
    refuse(to, {.why = runtime::fail(errc::not_found, "no such job")});
    return nullptr;
  }
  return record;
}

} // namespace troupe::actors
