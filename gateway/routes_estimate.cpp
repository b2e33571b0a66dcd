#include "gateway/routes_estimate.hpp"

#include "gateway/io_thread.hpp"
#include "gateway/job_answers.hpp"
#include "gateway/job_json.hpp"
#include "gateway/job_request.hpp"
#include "gateway/json_reader.hpp"
#include "gateway/rfc3339.hpp"
#include "runtime/clock.hpp"

#include <utility>

namespace troupe::gateway {

using runtime::job_estimated;
using runtime::job_spec;
using runtime::refused;

namespace {

std::variant<job_spec, problem> read_request(const exchange& ex) {
  const auto body = read_json(ex.request.body, ex.home.limits().json_depth_max);
  if (!body)
    return to_problem(body.error());
  auto parsed =
    read_job_request(*body, ex.home.status().models, ex.home.status().aliases);
  if (auto* spec = std::get_if<job_spec>(&parsed))
    spec->tenant = ex.tenant;
  return parsed;
}

void write_range(json_writer& json, std::string_view name,
                 std::optional<double> p50, std::optional<double> p90) {
  json.key(name);
  json.begin_object();
  json.key("p50");
  p50 ? json.number(*p50) : json.null();
  json.key("p90");
  p90 ? json.number(*p90) : json.null();
  json.end_object();
}

runtime::duration span_of(double seconds) {
  return std::chrono::duration_cast<runtime::duration>(
    std::chrono::duration<double>(seconds));
}

void write_times(json_writer& json, const job_estimated& x) {
  const auto wait = x.standing.wait_s;
  std::optional<double> late;
  if (wait && x.wait_ratio_p90)
    late = *wait * *x.wait_ratio_p90;
  write_range(json, "queue_wait_s", wait, late);
  if (wait)
    json.text("estimated_start_at",
              rfc3339(x.record.created_at + span_of(*wait)));
  else
    json.null("estimated_start_at");
  const auto plus = [](std::optional<double> a, double b) {
    return a ? std::optional{*a + b} : std::nullopt;
  };
  write_range(json, "finish_s", plus(wait, x.service_p50_s),
              plus(late, x.service_p90_s));
}

void write_budget(json_writer& json, const exchange& ex,
                  const job_estimated& x) {
  const auto tenant = ex.home.shared().parts.tenants.limited(ex.tenant);
  json.key("budget");
  if (!tenant)
    return json.null();
  json.begin_object();
  json.number("remaining", tenant->level.remaining);
  json.number("after",
              tenant->level.remaining - x.record.estimated_s * x.price);
  json.end_object();
}

} // namespace

void write_estimate(json_writer& json, const exchange& ex,
                    const job_estimated& x) {
  json.text("object", "estimate");
  json.boolean("admitted", !x.refusal);
  if (x.refusal)
    json.raw("reject", ex.fail(to_problem(*x.refusal)).body);
  else
    json.null("reject");
  json.text("model", x.record.queue());
  json.number("input_tokens", x.record.forecast.input_tokens);
  write_range(json, "output_tokens", x.record.forecast.output_tokens_p50,
              x.output_tokens_p90);
  write_range(json, "cost", x.service_p50_s * x.price,
              x.service_p90_s * x.price);
  write_times(json, x);
  json.number("position", x.standing.position);
  write_degradation(json, x.record);
  write_budget(json, ex, x);
}

task<http_reply> estimate_job(exchange& ex) {
  auto given = read_request(ex);
  if (const auto* wrong = std::get_if<problem>(&given))
    co_return ex.fail(*wrong);
  auto answer = co_await ask_estimate(ex, std::move(std::get<job_spec>(given)));
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  http_reply reply;
  json_writer json{reply.body};
  json.begin_object();
  write_estimate(json, ex, std::get<job_estimated>(answer));
  json.end_object();
  co_return reply;
}

} // namespace troupe::gateway
