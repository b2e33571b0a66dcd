#include "actors/admission_commit.hpp"

#include "runtime/job_codec.hpp"
#include "runtime/metrics.hpp"

namespace troupe::actors {

commit_request
make_admission_commit(uint64_t epoch, runtime::admitted job,
                      runtime::spec_ptr spec, const std::string& key,
                      const std::optional<runtime::idempotency_entry>& entry,
                      runtime::sink_ref reply) {
  auto id = job.record.id;
  commit_request request{.shard = id.shard(), .epoch = epoch};
  request.ops.reserve(4);
  request.ops.push_back(runtime::put_spec{id, runtime::encode(*spec)});
  request.ops.push_back(
    runtime::put_record{id, true, runtime::encode(job.record)});
  request.ops.push_back(
    runtime::append_events{.id = id,
                           .first_seq = 0,
                           .count = static_cast<uint32_t>(job.events.size()),
                           .bytes = runtime::encode_events(job.events)});
  if (entry)
    request.ops.push_back(
      runtime::put_idempotency{key, runtime::encode(*entry)});
  request.deliveries.emplace_back(
    reply,
    runtime::job_accepted{
      .job = {.spec = spec, .record = job.record, .standing = job.standing}});
  request.notes.push_back({.what = commit_note::kind::admitted,
                           .record = std::move(job.record),
                           .spec = std::move(spec)});
  return request;
}

std::optional<commit_request> make_expiry_commit(runtime::shard_ledger& ledger,
                                                 runtime::wall_time now) {
  auto keys = ledger.expired_keys(now);
  if (keys.empty())
    return std::nullopt;
  commit_request request{.shard = ledger.shard(), .epoch = ledger.epoch()};
  for (auto& key : keys)
    request.ops.push_back(runtime::drop_idempotency{std::move(key)});
  return request;
}

void count_steps(actor_env& env, const runtime::job_record& record) {
  if (env.metrics != nullptr)
    for (const auto& step : record.degradations)
      env.metrics->degraded(record.model, to_string(step.kind));
}

} // namespace troupe::actors
