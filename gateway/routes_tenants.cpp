#include "gateway/routes_tenants.hpp"

#include "gateway/field_reader.hpp"
#include "gateway/io_thread.hpp"
#include "gateway/job_answers.hpp"
#include "gateway/job_request.hpp"
#include "gateway/json_reader.hpp"
#include "gateway/json_writer.hpp"
#include "gateway/pending_answer.hpp"
#include "gateway/tenant_port.hpp"
#include "runtime/log.hpp"

#include <algorithm>
#include <utility>

namespace troupe::gateway {

namespace {

using runtime::tenant_view;

constexpr size_t reason_chars_max = 500;
constexpr double cost_min = 0.000001;
constexpr double cost_max = 1e9;
constexpr int64_t ttl_s_min = 60;
constexpr int64_t ttl_s_max = 604'800;

tenant_port& port_of(exchange& ex) {
  return ex.home.shared().parts.tenants;
}

problem unknown_tenant() {
  return {.slug = "not-found",
          .detail = "no tenant is configured under this name"};
}

double seconds(runtime::duration x) {
  return std::chrono::duration<double>(x).count();
}

void write_budget(json_writer& json, const tenant_view& x) {
  json.key("budget");
  if (!x.level.limited)
    return json.null();
  json.begin_object();
  json.number("cost_per_minute", x.budget.cost_per_minute);
  json.number("burst", x.budget.burst);
  json.number("remaining", x.level.remaining);
  json.number("reserved", x.level.reserved);
  json.number("full_in_s", seconds(x.level.full_in));
  json.end_object();
}

void write_tenant(json_writer& json, const tenant_view& x,
                  runtime::wall_time now) {
  json.begin_object();
  json.text("name", x.limits.name);
  json.text("object", "tenant");
  json.number("share", x.limits.share);
  json.number("jobs", x.jobs);
  json.number("queued_jobs_max", x.limits.jobs_max);
  json.boolean("loaded", x.known);
  write_budget(json, x);
  json.key("override");
  if (x.override_now) {
    json.begin_object();
    json.number("cost_per_minute", x.override_now->cost_per_minute);
    json.number("burst", x.override_now->burst);
    json.number("lapses_in_s",
                std::max(0.0, seconds(x.override_now->until - now)));
    json.end_object();
  } else {
    json.null();
  }
  json.end_object();
}

http_reply tenant_reply(exchange& ex, const tenant_view& x) {
  http_reply reply;
  json_writer json{reply.body};
  write_tenant(json, x, ex.home.shared().parts.clock.wall());
  return reply;
}

struct budget_request {
  budget_order order;
  std::string reason;
};

/// The body of an order; without `sets` it has a reason alone.
std::variant<budget_request, problem> read_order(exchange& ex, bool sets) {
  const auto body = read_json(ex.request.body, ex.home.limits().json_depth_max);
  if (!body)
    return to_problem(body.error());
  const auto* object = body->if_object();
  if (!object)
    return validation_problem({{"", "the body must be an object"}});
  std::vector<field_error> errors;
  field_reader fields{*object, "", errors};
  budget_request made;
  made.reason = fields.text("reason", 1, reason_chars_max).value_or("");
  auto require = [&](std::string_view name) {
    if (!object->contains(name))
      fields.wrong(name, "is required");
  };
  require("reason");
  if (sets) {
    for (const auto* name : {"cost_per_minute", "burst", "ttl_s"})
      require(name);
    const number_range costs{cost_min, cost_max};
    made.order.cost_per_minute =
      fields.number("cost_per_minute", costs).value_or(0);
    made.order.burst = fields.number("burst", costs).value_or(0);
    made.order.ttl = std::chrono::seconds{
      fields.integer("ttl_s", {ttl_s_min, ttl_s_max}).value_or(0)};
  }
  fields.finish();
  if (!errors.empty())
    return validation_problem(std::move(errors));
  return made;
}

task<http_reply> order_budget(exchange& ex, bool sets) {
  const auto name = ex.params.front();
  if (!port_of(ex).exists(name))
    co_return ex.fail(unknown_tenant());
  auto parsed = read_order(ex, sets);
  if (auto* wrong = std::get_if<problem>(&parsed))
    co_return ex.fail(*wrong);
  const auto& request = std::get<budget_request>(parsed);
  runtime::log_info("tenants", sets ? "budget overridden" : "override ended",
                    {{"tenant", name}, {"reason", request.reason}});
  std::optional<budget_order> order;
  if (sets)
    order = request.order;
  pending_answer pending{ex.conn};
  port_of(ex).set_budget(name, order, pending.ref());
  const auto until = ex.home.now() + ex.home.limits().answer_timeout;
  auto body = co_await pending.wait(until);
  auto answer = expect_answer<runtime::budget_kept>(std::move(body));
  if (auto* no = std::get_if<runtime::refused>(&answer))
    co_return ex.fail(to_problem(*no));
  co_return tenant_reply(ex, *port_of(ex).tenant(name));
}

} // namespace

task<http_reply> get_tenants(exchange& ex) {
  http_reply reply;
  json_writer json{reply.body};
  json.begin_object();
  json.text("object", "list");
  json.key("data");
  json.begin_array();
  for (const auto& x : port_of(ex).tenants())
    write_tenant(json, x, ex.home.shared().parts.clock.wall());
  json.end_array();
  json.end_object();
  co_return reply;
}

task<http_reply> get_tenant(exchange& ex) {
  if (auto found = port_of(ex).tenant(ex.params.front()))
    co_return tenant_reply(ex, *found);
  co_return ex.fail(unknown_tenant());
}

task<http_reply> put_budget(exchange& ex) {
  co_return co_await order_budget(ex, true);
}

task<http_reply> delete_budget(exchange& ex) {
  co_return co_await order_budget(ex, false);
}

} // namespace troupe::gateway
