#include "gateway/routes_jobs.hpp"

#include "gateway/connection.hpp"
#include "gateway/decision_json.hpp"
#include "gateway/idempotency.hpp"
#include "gateway/io_thread.hpp"
#include "gateway/job_answers.hpp"
#include "gateway/job_json.hpp"
#include "gateway/job_reply.hpp"
#include "gateway/job_request.hpp"
#include "gateway/json_reader.hpp"
#include "gateway/pending_answer.hpp"
#include "gateway/query_reader.hpp"

#include <boost/json/monotonic_resource.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace troupe::gateway {

using runtime::errc;
using runtime::job_id;
using runtime::job_spec;
using runtime::job_view;
using runtime::refused;

namespace {

constexpr uint64_t wait_s_max = 60;
constexpr std::chrono::milliseconds idempotency_poll{50};

std::optional<job_id> id_of(const exchange& ex) {
  return job_id::parse(ex.params.front());
}

problem unknown_job() {
  return {.slug = "not-found", .detail = "there is no such job"};
}

struct job_submission {
  std::unique_ptr<job_spec> spec; ///< Large: kept out of coroutine frames.
  submit_options options;
};

class_defaults defaults_of(exchange& ex, const std::string& job_class) {
  const auto& all = ex.home.shared().config.classes;
  const auto at = all.find(job_class);
  return at == all.end() ? class_defaults{} : at->second;
}

// What the request asks for, else what the job's class gives.
std::optional<uint32_t> patience_of(exchange& ex, const preferences& prefer,
                                    const std::string& job_class) {
  if (prefer.respond_async || prefer.wait_s == 0u)
    return std::nullopt;
  if (prefer.wait_s)
    return prefer.wait_s;
  const auto wait = defaults_of(ex, job_class).wait;
  if (wait <= std::chrono::seconds{0})
    return std::nullopt;
  return static_cast<uint32_t>(wait.count());
}

// No coroutine, so that the tree can live on the stack.
std::variant<job_submission, problem> read_submission(exchange& ex) {
  std::array<unsigned char, 8192> room;
  boost::json::monotonic_resource memory{room.data(), room.size()};
  const auto body =
    read_json(ex.request.body, ex.home.limits().json_depth_max, &memory);
  if (!body)
    return to_problem(body.error());
  auto parsed =
    read_job_request(*body, ex.home.status().models, ex.home.status().aliases);
  if (auto* wrong = std::get_if<problem>(&parsed))
    return std::move(*wrong);
  job_submission made{
    .spec = std::make_unique<job_spec>(std::move(std::get<job_spec>(parsed)))};
  made.spec->tenant = ex.tenant;
  made.spec->traceparent = ex.traceparent();
  if (!body->as_object().contains("durable"))
    made.spec->durable = defaults_of(ex, made.spec->job_class).durable;
  auto options = read_idempotency(ex, *body);
  if (auto* wrong = std::get_if<problem>(&options))
    return std::move(*wrong);
  made.options = std::move(std::get<submit_options>(options));
  return made;
}

// What became of a submission; nothing when that is not known in time.
task<std::optional<answer_or_refusal<runtime::job_accepted>>>
submit(exchange& ex, job_submission& given) {
  const auto began = ex.home.now();
  const auto& limits = ex.home.limits();
  auto& jobs = ex.home.shared().parts.jobs;
  const bool keyed = !given.options.idempotency_key.empty();
  for (;;) {
    pending_answer pending{ex.conn};
    if (keyed)
      jobs.submit(*given.spec, given.options, pending.ref());
    else
      jobs.submit(std::move(*given.spec), std::move(given.options),
                  pending.ref());
    auto body = co_await pending.wait(began + limits.submit_timeout);
    if (!body)
      co_return std::nullopt;
    auto answer = expect_answer<runtime::job_accepted>(std::move(body));
    const auto* no = std::get_if<refused>(&answer);
    if (!no || !keyed || no->why.code != errc::idempotency_in_progress
        || ex.home.now() - began >= limits.idempotency_wait)
      co_return answer;
    // The first request with this key commits; its answer is ours.
    const auto again = ex.home.now() + idempotency_poll;
    while (ex.home.now() < again && !ex.conn.peer_gone())
      co_await ex.conn.suspend(again);
  }
}

void add_preference(const preferences& prefer, http_reply& reply) {
  if (prefer.wait_s)
    reply.add("Preference-Applied", "wait=" + std::to_string(*prefer.wait_s));
  else if (prefer.respond_async)
    reply.add("Preference-Applied", "respond-async");
}

task<http_reply> accepted_reply(exchange& ex, runtime::job_accepted accepted) {
  auto prefer = parse_prefer(ex.request.get(header::prefer));
  auto job = std::move(accepted.job);
  const auto wait_s = patience_of(ex, prefer, job.record.job_class);
  if (prefer.respond_async || prefer.wait_s == 0u)
    prefer.wait_s.reset();
  if (wait_s)
    co_await follow_job(
      ex, job, {.until = ex.home.now() + std::chrono::seconds{*wait_s}});
  const bool ended = wait_s && runtime::is_terminal(job.record.status);
  const auto id = job.record.id.str();
  // A repeat of a finished job without `wait` gets the current object, 202.
  auto reply =
    co_await job_reply_with_output(ex, std::move(job), ended ? 200 : 202, 202);
  reply.add("Location", "/v1/jobs/" + id);
  add_preference(prefer, reply);
  if (accepted.replayed)
    reply.add("Idempotency-Replayed", "true");
  co_return reply;
}

std::optional<uint32_t> etag_version(std::string_view if_none_match) {
  auto tag = trim(take_until(if_none_match, ','));
  if (tag.starts_with("W/"))
    tag.remove_prefix(2);
  if (tag.size() < 3 || tag.front() != '"' || tag.back() != '"')
    return std::nullopt;
  const auto n = parse_digits(tag.substr(1, tag.size() - 2));
  if (!n || *n > UINT32_MAX)
    return std::nullopt;
  return static_cast<uint32_t>(*n);
}

bool etag_listed(std::string_view if_none_match, uint32_t version) {
  while (!if_none_match.empty()) {
    const auto tag = trim(take_until(if_none_match, ','));
    if (tag == "*" || etag_version(tag) == version)
      return true;
  }
  return false;
}

http_reply not_modified(const job_view& job) {
  http_reply reply{.status = 304};
  reply.add("ETag", etag_of(job.record));
  return reply;
}

// How long a GET may wait, and for what.
struct long_poll {
  std::optional<uint32_t> version; ///< Wait until the job's is greater.
  uint64_t wait_s = 0;
  explanation include;
};

std::variant<long_poll, problem> read_long_poll(const exchange& ex) {
  query_reader query{ex.request};
  long_poll poll;
  if (auto n = query.natural("if_version", 0, UINT32_MAX))
    poll.version = static_cast<uint32_t>(*n);
  const auto wait_s = query.natural("wait_s", 0, wait_s_max);
  for (auto word : query.all("include"))
    if (word == "decision")
      poll.include.decision = true;
    else if (word == "why")
      poll.include.why = true;
    else
      query.wrong("include", "must be decision or why");
  if (auto wrong = query.finish())
    return std::move(*wrong);
  const auto prefer = parse_prefer(ex.request.get(header::prefer));
  poll.wait_s = wait_s.value_or(prefer.wait_s.value_or(0));
  if (!poll.version && ex.request.has(header::if_none_match))
    poll.version = etag_version(ex.request.get(header::if_none_match));
  return poll;
}

} // namespace

task<http_reply> create_job(exchange& ex) {
  if (ex.home.shared().draining || ex.home.status().draining)
    co_return ex.fail({.slug = "draining",
                       .detail = "the node is about to stop",
                       .retry_after_s = 1});
  auto parsed = read_submission(ex);
  if (auto* wrong = std::get_if<problem>(&parsed))
    co_return ex.fail(*wrong);
  auto& submission = std::get<job_submission>(parsed);
  auto answer = co_await submit(ex, submission);
  if (!answer) {
    ex.home.counters().timeouts_answer.add();
    co_return ex.fail(
      {.slug = "internal",
       .detail = "it is not known whether the job was accepted; repeat the "
                 "request with an Idempotency-Key to be safe"});
  }
  if (auto* no = std::get_if<refused>(&*answer))
    co_return ex.fail(to_problem(*no));
  co_return co_await accepted_reply(
    ex, std::move(std::get<runtime::job_accepted>(*answer)));
}

task<http_reply> get_job(exchange& ex) {
  const auto poll = read_long_poll(ex);
  if (const auto* wrong = std::get_if<problem>(&poll))
    co_return ex.fail(*wrong);
  const auto id = id_of(ex);
  if (!id)
    co_return ex.fail(unknown_job());
  auto answer = co_await ask_job(ex, *id);
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  auto job = std::move(std::get<job_view>(answer));
  const auto& [version, wait_s, include] = std::get<long_poll>(poll);
  const auto etags = ex.request.get(header::if_none_match);
  const auto stale = [&] {
    return version ? job.record.version <= *version
                   : etag_listed(etags, job.record.version);
  };
  if (version && wait_s > 0) {
    const auto until = ex.home.now() + std::chrono::seconds{wait_s};
    while (stale() && !runtime::is_terminal(job.record.status)
           && ex.home.now() < until && !ex.conn.peer_gone()) {
      const auto before = job.record.version;
      co_await follow_job(ex, job, {.until = until, .any_change = true});
      if (job.record.version == before)
        break;
    }
  }
  if ((version || !etags.empty()) && stale())
    co_return not_modified(job);
  auto reply = co_await job_reply_with_output(ex, job, 200, 200);
  if (reply.status == 200)
    append_explanation(reply.body, job, include);
  co_return reply;
}

task<http_reply> get_result(exchange& ex) {
  query_reader query{ex.request};
  const auto wait_s = query.natural("wait_s", 0, wait_s_max);
  if (auto wrong = query.finish())
    co_return ex.fail(*wrong);
  const auto id = id_of(ex);
  if (!id)
    co_return ex.fail(unknown_job());
  auto answer = co_await ask_job(ex, *id);
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  auto job = std::move(std::get<job_view>(answer));
  const auto prefer = parse_prefer(ex.request.get(header::prefer));
  const auto patience = wait_s.value_or(prefer.wait_s.value_or(0));
  if (patience > 0)
    co_await follow_job(
      ex, job, {.until = ex.home.now() + std::chrono::seconds{patience}});
  http_reply reply;
  if (!runtime::is_terminal(job.record.status)) {
    reply = job_reply(202, job, nullptr);
    reply.add("Retry-After", "1");
  } else {
    auto read = co_await ask_output(ex, *id);
    if (auto* no = std::get_if<refused>(&read))
      co_return ex.fail(to_problem(*no));
    const auto& found = std::get<runtime::output_read>(read);
    if (!found.job.spec && !found.output)
      co_return ex.fail(
        {.slug = "result-expired", .detail = "the job's output was retired"});
    json_writer json{reply.body};
    write_result(json, found.job, found.output ? &*found.output : nullptr);
    reply.add("ETag", etag_of(found.job.record));
    reply.add("Server-Timing", server_timing(found.job.record.timing));
  }
  if (prefer.wait_s)
    add_preference({.wait_s = prefer.wait_s}, reply);
  co_return reply;
}

task<http_reply> cancel_job(exchange& ex) {
  std::string reason;
  if (!ex.request.body.empty()) {
    auto body = read_json(ex.request.body, ex.home.limits().json_depth_max);
    if (!body)
      co_return ex.fail(to_problem(body.error()));
    auto parsed = read_cancel_request(*body);
    if (auto* wrong = std::get_if<problem>(&parsed))
      co_return ex.fail(*wrong);
    reason = std::move(std::get<std::string>(parsed));
  }
  const auto id = id_of(ex);
  if (!id)
    co_return ex.fail(unknown_job());
  auto answer = co_await ask_cancel(ex, *id, std::move(reason));
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  co_return co_await job_reply_with_output(
    ex, std::move(std::get<job_view>(answer)), 200, 200);
}

} // namespace troupe::gateway
