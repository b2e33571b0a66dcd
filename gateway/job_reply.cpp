#include "gateway/job_reply.hpp"

#include "gateway/job_answers.hpp"
#include "gateway/job_json.hpp"

#include <utility>

namespace troupe::gateway {

using runtime::job_view;
using runtime::refused;

http_reply job_reply(uint16_t status, const job_view& job,
                     const runtime::job_output* output) {
  http_reply reply{.status = status};
  reply.body.reserve(2048);
  json_writer json{reply.body};
  write_job(json, job, output);
  reply.add("ETag", etag_of(job.record));
  if (runtime::is_terminal(job.record.status))
    reply.add("Server-Timing", server_timing(job.record.timing));
  return reply;
}

task<http_reply> job_reply_with_output(exchange& ex, job_view job,
                                       uint16_t terminal_status,
                                       uint16_t live_status) {
  if (!runtime::is_terminal(job.record.status))
    co_return job_reply(live_status, job, nullptr);
  auto answer = co_await ask_output(ex, job.record.id);
  if (auto* no = std::get_if<refused>(&answer)) {
    // Retired output: the record is still worth an answer.
    if (no->why.code == runtime::errc::result_expired)
      co_return job_reply(terminal_status, job, nullptr);
    co_return ex.fail(to_problem(*no));
  }
  const auto& read = std::get<runtime::output_read>(answer);
  if (!job.spec)
    job.spec = read.job.spec;
  co_return job_reply(terminal_status, job,
                      read.output ? &*read.output : nullptr);
}

} // namespace troupe::gateway
