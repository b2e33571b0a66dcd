#include "actors/attempt_report.hpp"

#include "actors/dispatcher.hpp"
#include "runtime/metrics.hpp"
#include "runtime/scheduling/turn_truncation.hpp"

#include <caf/send.hpp>

namespace troupe::actors {

void count_attempt(actor_env& env, const runtime::job_record& record,
                   const attempt_ended& x) {
  using end = runtime::attempt_end;
  if (env.metrics == nullptr)
    return;
  auto how = end::finished;
  if (x.failed)
    how = end::failed;
  else if (x.lost)
    how = *x.lost == runtime::attempt_loss::model_error ? end::model_error
          : *x.lost == runtime::attempt_loss::refused   ? end::stopped
                                                        : end::worker_lost;
  env.metrics->attempt_ended(record.model, how);
}

void report_cost(actor_env& env, const runtime::spec_ptr& spec,
                 const runtime::job_record& record, const attempt_ended& x) {
  if (!x.finished || x.finished->output_tokens == 0
      || x.ran <= runtime::duration{0} || runtime::kept_input(record) < 1)
    return;
  auto d = env.directory.find<dispatcher_actor>(
    directory::dispatcher_name(record.queue()));
  using runtime::finish_reason;
  // A length that load or a deadline chose says nothing about the request.
  bool as_asked =
    record.forecast.max_output_tokens == spec->params.max_output_tokens;
  bool whole = x.finished->finish == finish_reason::stop
               || (x.finished->finish == finish_reason::length && as_asked);
  if (d)
    caf::anon_send(d,
                   attempt_measured{.spec = spec,
                                    .input_tokens = x.finished->input_tokens,
                                    .output_tokens = x.finished->output_tokens,
                                    .ran = x.ran,
                                    .whole = whole,
                                    .predicted_output_tokens =
                                      record.forecast.output_tokens_p50});
}

} // namespace troupe::actors
