#include "gateway/routes_replay.hpp"

#include "gateway/edited_request.hpp"
#include "gateway/field_reader.hpp"
#include "gateway/io_thread.hpp"
#include "gateway/job_reply.hpp"
#include "gateway/job_request.hpp"
#include "gateway/json_reader.hpp"
#include "gateway/letter_answers.hpp"
#include "gateway/request_json.hpp"
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
};

std::variant<replay_order, problem> read_order(const exchange& ex,
                                               replay_kind kind) {
  replay_order order;
  const bool by_operator = kind == replay_kind::letter_by_operator;
  if (ex.request.body.empty() && !by_operator)
    return order;
  const auto body = read_json(ex.request.body, ex.home.limits().json_depth_max);
  if (!body)
    return to_problem(body.error());
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

http_reply preview(const job_record& record, const job_spec* spec) {
  http_reply reply;
  json_writer out{reply.body};
  out.begin_object();
  out.text("object", "replay_preview");
  out.text("id", record.id.str());
  out.boolean("would_replay", spec != nullptr);
  if (record.replayed_as)
    out.text("replayed_as", record.replayed_as->str());
  else
    out.null("replayed_as");
  if (spec) {
    out.text("model", spec->model);
    out.text("class", spec->job_class);
    out.text("service_tier", to_string(spec->tier));
    out.number("cost", record.estimated_s);
    out.key("request");
    write_request(out, *spec);
  }
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
                         job_spec spec) {
  const bool settles = runtime::judge_letter(record) == letter_verdict::settle;
  answer_or_refusal<runtime::job_accepted> answer;
  if (settles)
    answer = co_await ask_replay(ex, record.id, spec);
  else
    answer = co_await ask_submit(ex, std::move(spec));
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  auto& accepted = std::get<runtime::job_accepted>(answer);
  if (accepted.replayed)
    co_return co_await reply_with_earlier(ex, accepted.job.record.id);
  auto reply = job_reply(202, accepted.job, nullptr);
  reply.add("Location", "/v1/jobs/" + accepted.job.record.id.str());
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
      co_return preview(job.record, nullptr);
    co_return co_await reply_with_earlier(ex, *job.record.replayed_as);
  }
  auto made = edited_request(*job.spec, order.edit, ex.home.status().models,
                             ex.home.status().aliases);
  if (const auto* wrong = std::get_if<problem>(&made))
    co_return ex.fail(*wrong);
  auto& spec = std::get<job_spec>(made);
  spec.traceparent = ex.traceparent();
  if (order.dry_run)
    co_return preview(job.record, &spec);
  if (kind == replay_kind::letter_by_operator)
    runtime::log_info("dead_letter", "replayed by an operator",
                      {{"job", id->str()}, {"reason", order.reason}});
  co_return co_await perform(ex, job.record, std::move(spec));
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
