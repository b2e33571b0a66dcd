// What routes ask about jobs, as coroutines: one question, one answer or the
// reason why there is none.
#pragma once

#include "gateway/exchange.hpp"
#include "gateway/job_port.hpp"

#include <optional>
#include <string_view>
#include <variant>

namespace troupe::gateway {

template <class T>
using answer_or_refusal = std::variant<T, runtime::refused>;

/// The job as it is now.
task<answer_or_refusal<runtime::job_view>> ask_job(exchange& ex,
                                                   runtime::job_id id);

/// Replaces `job` by newer states until it is terminal (or, with `any_change`,
/// newer than it was), the time is up or the client has left.
struct wait_rule {
  runtime::mono_time until;
  bool any_change = false;
};
task<void> follow_job(exchange& ex, runtime::job_view& job, wait_rule rule);

/// What would become of it.
task<answer_or_refusal<runtime::job_estimated>>
ask_estimate(exchange& ex, runtime::job_spec spec);

/// A terminal job's output; also its record and specification.
task<answer_or_refusal<runtime::output_read>> ask_output(exchange& ex,
                                                         runtime::job_id id);

/// Up to `limit` committed events from `from` on.
task<answer_or_refusal<std::vector<runtime::event>>>
ask_events(exchange& ex, runtime::job_id id, uint64_t from, uint32_t limit);

task<answer_or_refusal<runtime::job_view>>
ask_cancel(exchange& ex, runtime::job_id id, std::string reason);

task<answer_or_refusal<runtime::job_page>> ask_list(exchange& ex,
                                                    runtime::job_query query);

/// While it lives, a client that leaves wakes the session. For waits that may
/// be long.
class peer_watch {
public:
  explicit peer_watch(connection& conn);
  ~peer_watch();
  peer_watch(const peer_watch&) = delete;
  peer_watch& operator=(const peer_watch&) = delete;

private:
  connection& conn_;
};

} // namespace troupe::gateway
