#include "actors/job_commit.hpp"

#include "runtime/job_codec.hpp"
#include "runtime/scheduling/turn_truncation.hpp"

namespace troupe::actors {

commit_request make_step_commit(const runtime::job_step& step,
                                const runtime::job_record& record,
                                uint64_t epoch) {
  auto id = record.id;
  commit_request request{.shard = id.shard(), .epoch = epoch};
  if (step.output)
    request.ops.push_back(
      runtime::put_output{id, runtime::encode(*step.output)});
  if (step.record_changed)
    request.ops.push_back(runtime::put_record{
      .id = id, .live = !step.terminal, .bytes = runtime::encode(record)});
  if (!step.events.empty())
    request.ops.push_back(
      runtime::append_events{.id = id,
                             .first_seq = step.events.front().seq,
                             .count = static_cast<uint32_t>(step.events.size()),
                             .bytes = runtime::encode_events(step.events)});
  if (step.terminal)
    request.notes.push_back(
      {.what = commit_note::kind::closed, .record = record});
  else if (step.requeue)
    request.notes.push_back({.what = commit_note::kind::requeued,
                             .record = record,
                             .delay = step.requeue->delay,
                             .charged = step.requeue->charged});
  return request;
}

models::attempt_request
make_attempt_request(runtime::attempt_id id, const runtime::job_spec& spec,
                     const runtime::job_machine& machine) {
  models::attempt_request request{.id = id,
                                  .task = spec.task,
                                  .text = spec.text,
                                  .messages = spec.messages,
                                  .params = spec.params,
                                  .simulate = spec.simulate,
                                  .prefix = machine.text(),
                                  .prefix_tokens = machine.text_tokens()};
  if (auto share = runtime::kept_input(machine.record()); share < 1)
    request.messages =
      runtime::drop_oldest_turns(std::move(request.messages), share);
  if (auto limit = machine.record().forecast.max_output_tokens; limit > 0)
    request.params.max_output_tokens = limit;
  return request;
}

} // namespace troupe::actors
