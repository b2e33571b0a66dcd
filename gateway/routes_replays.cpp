#include "gateway/routes_replays.hpp"

#include "gateway/connection.hpp"
#include "gateway/edited_request.hpp"
#include "gateway/io_thread.hpp"
#include "gateway/job_json.hpp"
#include "gateway/json_reader.hpp"
#include "gateway/letter_answers.hpp"
#include "gateway/list_query.hpp"
#include "gateway/replay_request.hpp"
#include "runtime/replay_plan.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace troupe::gateway {

using runtime::job_id;
using runtime::refused;
using runtime::replay_plan;
using runtime::replay_run;
using runs = std::vector<replay_run>;

namespace {

constexpr size_t samples_max = 10;

problem unknown_run() {
  return {.slug = "not-found", .detail = "there is no such replay run"};
}

void write_run(json_writer& json, const replay_run& x) {
  json.begin_object();
  json.text("id", run_name(x.id));
  json.text("object", "replay_run");
  json.text("status", to_string(x.status));
  json.number("rate_per_s", x.rate_per_s);
  json.number("max", x.max);
  json.text("order", x.oldest_first ? "oldest" : "newest");
  json.key("counts");
  json.begin_object();
  json.number("matched", x.counts.matched);
  json.number("submitted", x.counts.submitted);
  json.number("skipped", x.counts.skipped);
  json.number("deferred", x.counts.deferred);
  json.number("completed", x.counts.completed);
  json.number("failed", x.counts.failed);
  json.number("dead_again", x.counts.dead_again);
  json.end_object();
  json.key("eta_s");
  // Before everything is listed nobody knows how many there are.
  if (x.listed_all && !has_ended(x.status))
    json.number(static_cast<double>(x.waiting.size()) / x.rate_per_s);
  else
    json.null();
  write_time(json, "created_at", x.id.created_at());
  json.end_object();
}

http_reply run_reply(uint16_t status, const replay_run& run) {
  http_reply reply{.status = status};
  json_writer json{reply.body};
  write_run(json, run);
  return reply;
}

// --- dry run --------------------------------------------------------------------

struct forecast {
  uint64_t matched = 0;
  uint64_t would_replay = 0;
  double cost = 0.0;
  std::map<std::string, uint64_t, std::less<>> by_reason;
  std::map<std::string, uint64_t, std::less<>> by_model;
  std::vector<job_id> samples;
  std::vector<std::pair<job_id, std::string>> invalid; ///< Among the samples.

  void add(const runtime::job_record& x) {
    ++matched;
    const auto reason = letter_reason_of(x);
    ++by_reason[std::string{to_string(reason)}];
    ++by_model[x.model];
    if (reason == runtime::letter_reason::poison)
      return;
    ++would_replay;
    cost += x.estimated_s;
    if (samples.size() < samples_max)
      samples.push_back(x.id);
  }
};

void write_counts(json_writer& json, std::string_view name,
                  const std::map<std::string, uint64_t, std::less<>>& counts) {
  json.key(name);
  json.begin_object();
  for (const auto& [key, n] : counts) {
    json.key_escaped(key);
    json.number(n);
  }
  json.end_object();
}

http_reply forecast_reply(const forecast& x) {
  http_reply reply;
  json_writer json{reply.body};
  json.begin_object();
  json.number("matched", x.matched);
  json.number("would_replay", x.would_replay);
  json.key("invalid");
  json.begin_array();
  for (const auto& [id, why] : x.invalid) {
    json.begin_object();
    json.text("id", id.str());
    json.text("detail", why);
    json.end_object();
  }
  json.end_array();
  json.number("cost", x.cost);
  write_counts(json, "by_reason", x.by_reason);
  write_counts(json, "by_model", x.by_model);
  json.key("sample_ids");
  json.begin_array();
  for (const auto id : x.samples)
    json.text(id.str());
  json.end_array();
  json.end_object();
  return reply;
}

/// What is wrong with the edit, tried on the samples.
task<void> try_edit(exchange& ex, const replay_request& request,
                    forecast& into) {
  for (const auto id : into.samples) {
    auto found = co_await ask_output(ex, id);
    const auto* read = std::get_if<runtime::output_read>(&found);
    if (!read || !read->job.spec)
      continue;
    auto made =
      edited_request(*read->job.spec, request.edit, ex.home.status().models,
                     ex.home.status().aliases);
    if (const auto* wrong = std::get_if<problem>(&made))
      into.invalid.emplace_back(id, wrong->detail);
  }
}

task<http_reply> dry_run(exchange& ex, replay_request request) {
  forecast seen;
  for (const auto id : request.run.waiting) {
    auto found = co_await ask_output(ex, id);
    const auto* read = std::get_if<runtime::output_read>(&found);
    if (read
        && judge_letter(read->job.record) == runtime::letter_verdict::settle)
      seen.add(read->job.record);
  }
  replay_plan plan{request.run};
  while (!request.run.by_ids && !ex.conn.peer_gone()) {
    auto step = plan.next(ex.home.now());
    auto* list = std::get_if<replay_plan::list_letters>(&step);
    if (!list)
      break;
    auto answer = co_await ask_list(ex, std::move(list->query));
    if (auto* no = std::get_if<refused>(&answer))
      co_return ex.fail(to_problem(*no));
    const auto& page = std::get<runtime::job_page>(answer);
    for (const auto& record : page.records)
      seen.add(record);
    auto rest = plan.run();
    rest.counts.matched += page.records.size();
    rest.after = next_page(page);
    if (!rest.after || rest.counts.matched >= rest.max)
      break;
    plan = replay_plan{std::move(rest)};
  }
  co_await try_edit(ex, request, seen);
  co_return forecast_reply(seen);
}

// --- steering ---------------------------------------------------------------------

task<http_reply> steer(exchange& ex, run_steering what, double rate_per_s) {
  const auto id = runtime::parse_run_name(ex.params.front());
  if (!id)
    co_return ex.fail(unknown_run());
  auto answer = co_await ask_steer(ex, *id, what, rate_per_s);
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  const auto& found = std::get<runs>(answer);
  co_return found.empty() ? ex.fail(unknown_run())
                          : run_reply(200, found.front());
}

} // namespace

task<http_reply> start_replays(exchange& ex) {
  const auto body = read_json(ex.request.body, ex.home.limits().json_depth_max);
  if (!body)
    co_return ex.fail(to_problem(body.error()));
  auto parsed = read_replay_request(*body, std::string{ex.tenant});
  if (const auto* wrong = std::get_if<problem>(&parsed))
    co_return ex.fail(*wrong);
  auto& request = std::get<replay_request>(parsed);
  if (request.dry_run)
    co_return co_await dry_run(ex, std::move(request));
  auto answer = co_await ask_start(ex, std::move(request.run));
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  const auto& run = std::get<runs>(answer).front();
  auto reply = run_reply(202, run);
  reply.add("Location", "/v1/dead-letters/replays/" + run_name(run.id));
  co_return reply;
}

task<http_reply> list_replays(exchange& ex) {
  query_reader query{ex.request};
  if (auto wrong = query.finish())
    co_return ex.fail(*wrong);
  auto answer = co_await ask_runs(ex);
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  http_reply reply;
  json_writer json{reply.body};
  json.begin_object();
  json.text("object", "list");
  json.key("data");
  json.begin_array();
  for (const auto& x : std::get<runs>(answer))
    write_run(json, x);
  json.end_array();
  json.boolean("has_more", false);
  json.end_object();
  co_return reply;
}

task<http_reply> get_replays(exchange& ex) {
  const auto id = runtime::parse_run_name(ex.params.front());
  if (!id)
    co_return ex.fail(unknown_run());
  auto answer = co_await ask_runs(ex);
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  for (const auto& x : std::get<runs>(answer))
    if (x.id == *id)
      co_return run_reply(200, x);
  co_return ex.fail(unknown_run());
}

task<http_reply> pause_replays(exchange& ex) {
  co_return co_await steer(ex, run_steering::pause, 0);
}

task<http_reply> resume_replays(exchange& ex) {
  co_return co_await steer(ex, run_steering::resume, 0);
}

task<http_reply> cancel_replays(exchange& ex) {
  co_return co_await steer(ex, run_steering::cancel, 0);
}

task<http_reply> patch_replays(exchange& ex) {
  const auto body = read_json(ex.request.body, ex.home.limits().json_depth_max);
  if (!body)
    co_return ex.fail(to_problem(body.error()));
  const auto rate = read_rate_request(*body);
  if (const auto* wrong = std::get_if<problem>(&rate))
    co_return ex.fail(*wrong);
  co_return co_await steer(ex, run_steering::rate, std::get<double>(rate));
}

} // namespace troupe::gateway
