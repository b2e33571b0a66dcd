#include "gateway/routes_replay.hpp"

#include "gateway/edited_request.hpp"
#include "gateway/field_reader.hpp"
#include "gateway/idempotency.hpp"
#include "gateway/io_thread.hpp"
#include "gateway/job_reply.hpp"
#include "gateway/job_request.hpp"
#include "gateway/json_reader.hpp"
#include "gateway/letter_answers.hpp"
#include "gateway/request_json.hpp"
#include "gateway/routes_estimate.hpp"
#include "runtime/dead_letter.hpp"
#include "runtime/log.hpp"

#include <boost/json/object.hpp>

#include <utility>

namespace troupe::gateway {

namespace json = boost::json;
using runtime::job_id;
using runtime::job_record;
using runtime::job_spec;
using runtime::letter_verdict;
using runtime::refused;

namespace {

/// What the id names, and who asks.
enum class replay_kind : uint8_t { any_job, letter, letter_by_operator };

struct replay_order {
  json::value edit = json::object{};
  bool dry_run = false;
  std::string reason; ///< An operator's.
  submit_options options{};
  bool keyed() const { return !options.idempotency_key.empty(); }
};

std::variant<replay_order, problem> read_order(const exchange& ex,
                                               replay_kind kind) {
  replay_order order;
  const bool by_operator = kind == replay_kind::letter_by_operator;
  const bool empty = ex.request.body.empty() && !by_operator;
  const auto body =
    read_json(empty ? "{}" : ex.request.body, ex.home.limits().json_depth_max);
  if (!body)
    return to_problem(body.error());
  auto options = read_idempotency(ex, *body);
  if (auto* wrong = std::get_if<problem>(&options))
    return std::move(*wrong);
  order.options = std::move(std::get<submit_options>(options));
  const auto* object = body->if_object();
  if (!object)
    return validation_problem({{"", "the body must be an object"}});
  std::vector<field_error> errors;
  field_reader fields{*object, "", errors};
  if (const auto* edit = fields.object("edit"))
    order.edit = *edit;
  order.dry_run = fields.boolean("dry_run").value_or(false);
  if (by_operator) {
    order.reason = fields.text("reason", 1, 500).value_or("");
    if (!object->contains("reason"))
      fields.wrong("reason", "is required");
  }
  fields.finish();
  if (!errors.empty())
    return validation_problem(std::move(errors));
  return order;
}

problem unknown(replay_kind kind) {
  return {.slug = "not-found",
          .detail = kind == replay_kind::any_job
                      ? "there is no such job"
                      : "there is no such dead letter"};
}

/// Why this job cannot be replayed, if so.
std::optional<problem> objection(const runtime::job_view& job,
                                 replay_kind kind) {
  const auto& record = job.record;
  const auto verdict = runtime::judge_letter(record);
  const bool letter_wanted = kind != replay_kind::any_job;
  if (letter_wanted && verdict == letter_verdict::no_letter)
    return unknown(kind);
  if (letter_wanted && verdict == letter_verdict::dropped_already)
    return problem{.slug = "not-found", .detail = "the letter was dropped"};
  if (!runtime::is_terminal(record.status))
    return problem{.slug = "not-terminal",
                   .detail = "only a job that has ended can be replayed"};
  if (verdict == letter_verdict::replayed_already)
    return std::nullopt;
  if (verdict != letter_verdict::no_letter
      && kind != replay_kind::letter_by_operator
      && runtime::letter_reason_of(record) == runtime::letter_reason::poison)
    return problem{.slug = "insufficient-scope",
                   .detail =
                     "the job crashed its engines; only an operator may "
                     "replay it"};
  if (!job.spec)
    return problem{.slug = "result-expired",
                   .detail = "the job's request was retired"};
  return std::nullopt;
}

/// What a replay would do, without doing it: the estimate of the request after
/// its edit.
task<http_reply> preview(exchange& ex, job_id id, job_spec spec) {
  auto shown = spec;
  auto answer = co_await ask_estimate(ex, std::move(spec));
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  http_reply reply;
  json_writer out{reply.body};
  out.begin_object();
  write_estimate(out, ex, std::get<runtime::job_estimated>(answer));
  out.text("id", id.str());
  out.boolean("would_replay", true);
  out.null("replayed_as");
  out.key("request");
  write_request(out, shown);
  out.end_object();
  co_return reply;
}

/// Of a letter that has its replay: there is nothing to estimate.
http_reply preview_of_none(const job_record& record) {
  http_reply reply;
  json_writer out{reply.body};
  out.begin_object();
  out.text("object", "replay_preview");
  out.text("id", record.id.str());
  out.boolean("would_replay", false);
  out.text("replayed_as", record.replayed_as->str());
  out.end_object();
  return reply;
}

task<http_reply> reply_with_earlier(exchange& ex, job_id id) {
  auto answer = co_await ask_job(ex, id);
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  auto reply = co_await job_reply_with_output(
    ex, std::move(std::get<runtime::job_view>(answer)), 200, 200);
  reply.add("Location", "/v1/jobs/" + id.str());
  co_return reply;
}

task<http_reply> perform(exchange& ex, const job_record& record,
                         const job_spec& spec, const submit_options& options) {
  const bool is_letter =
    runtime::judge_letter(record) != letter_verdict::no_letter;
  answer_or_refusal<replay_made> answer;
  if (is_letter)
    answer = co_await ask_replay(ex, record.id, spec, options);
  else
    answer = co_await ask_submit(ex, spec, options);
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  auto& made = std::get<replay_made>(answer);
  const auto id = made.job.record.id;
  if (made.how == replay_made::kind::earlier)
    co_return co_await reply_with_earlier(ex, id);
  http_reply reply;
  if (made.how == replay_made::kind::repeated)
    reply = co_await job_reply_with_output(ex, std::move(made.job), 202, 202);
  else
    reply = job_reply(202, made.job, nullptr);
  reply.add("Location", "/v1/jobs/" + id.str());
  if (made.how == replay_made::kind::repeated)
    reply.add("Idempotency-Replayed", "true");
  co_return reply;
}

task<http_reply> replay(exchange& ex, replay_kind kind) {
  const auto given = read_order(ex, kind);
  if (const auto* wrong = std::get_if<problem>(&given))
    co_return ex.fail(*wrong);
  const auto& order = std::get<replay_order>(given);
  const auto id = job_id::parse(ex.params.front());
  if (!id)
    co_return ex.fail(unknown(kind));
  auto found = co_await ask_output(ex, *id);
  if (auto* no = std::get_if<refused>(&found))
    co_return ex.fail(to_problem(*no));
  const auto& job = std::get<runtime::output_read>(found).job;
  if (const auto no = objection(job, kind))
    co_return ex.fail(*no);
  if (runtime::judge_letter(job.record) == letter_verdict::replayed_already) {
    if (order.dry_run)
      co_return preview_of_none(job.record);
    if (!order.keyed())
      co_return co_await reply_with_earlier(ex, *job.record.replayed_as);
    // Its shard knows whether this key did it. Nothing is admitted from here.
    job_spec nobody;
    nobody.tenant = job.record.tenant;
    co_return co_await perform(ex, job.record, nobody, order.options);
  }
  auto made = edited_request(*job.spec, order.edit, ex.home.status().models,
                             ex.home.status().aliases);
  if (const auto* wrong = std::get_if<problem>(&made))
    co_return ex.fail(*wrong);
  auto& spec = std::get<job_spec>(made);
  spec.traceparent = ex.traceparent();
  if (order.dry_run)
    co_return co_await preview(ex, *id, std::move(spec));
  if (kind == replay_kind::letter_by_operator)
    runtime::log_info("dead_letter", "replayed by an operator",
                      {{"job", id->str()}, {"reason", order.reason}});
  co_return co_await perform(ex, job.record, spec, order.options);
}

} // namespace

task<http_reply> replay_job(exchange& ex) {
  co_return co_await replay(ex, replay_kind::any_job);
}

task<http_reply> replay_letter(exchange& ex) {
  co_return co_await replay(ex, replay_kind::letter);
}

task<http_reply> replay_letter_as_operator(exchange& ex) {
  co_return co_await replay(ex, replay_kind::letter_by_operator);
}

} // namespace troupe::gateway
