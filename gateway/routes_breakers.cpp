#include "gateway/routes_breakers.hpp"

#include "gateway/breaker_port.hpp"
#include "gateway/field_reader.hpp"
#include "gateway/io_thread.hpp"
#include "gateway/job_answers.hpp"
#include "gateway/job_request.hpp"
#include "gateway/json_reader.hpp"
#include "gateway/json_writer.hpp"
#include "gateway/pending_answer.hpp"

#include <algorithm>
#include <utility>

namespace troupe::gateway {

namespace {

using runtime::breaker_answer;
using runtime::breaker_state;
using runtime::mono_time;

constexpr size_t reason_chars_max = 500;
constexpr int64_t ttl_s_max = 86'400;
constexpr int64_t ttl_s_default = 600;

breaker_port& port_of(exchange& ex) {
  return ex.home.shared().parts.breakers;
}

std::optional<breaker_info> find(exchange& ex) {
  auto all = port_of(ex).breakers();
  auto it = std::find_if(all.begin(), all.end(), [&](const auto& x) {
    return x.target == ex.params.front();
  });
  if (it == all.end())
    return std::nullopt;
  return std::move(*it);
}

problem unknown_breaker() {
  return {.slug = "not-found",
          .detail = "no model is configured under this name"};
}

/// Seconds from now; 0 when that has passed, null when there is no such time.
void write_wait(json_writer& json, std::string_view name,
                std::optional<mono_time> at, mono_time now) {
  if (at)
    json.number(
      name, std::max(0.0, std::chrono::duration<double>(*at - now).count()));
  else
    json.null(name);
}

void write_breaker(json_writer& json, const breaker_info& x, mono_time now) {
  const auto& s = x.line.snapshot;
  json.begin_object();
  json.text("name", x.target);
  json.text("object", "breaker");
  json.text("state", to_string(s.state));
  json.text("cause", to_string(s.cause));
  x.line.reason.empty() ? json.null("reason")
                        : json.text("reason", x.line.reason);
  json.key("window");
  json.begin_object();
  json.number("calls", s.calls);
  json.number("failed", s.failed);
  json.number("slow", s.slow);
  json.end_object();
  json.number("openings", s.openings);
  json.key("probes");
  json.begin_object();
  json.number("under_way", s.probes_out);
  json.number("good", s.probes_good);
  json.end_object();
  write_wait(json, "available_in_s", x.line.available_at, now);
  write_wait(json, "next_probe_in_s", s.next_probe, now);
  write_wait(json, "paused_for_s", s.paused_until, now);
  write_wait(json, "forced_for_s", s.forced_until, now);
  if (s.first_token_p95)
    json.number("first_token_p95_s",
                std::chrono::duration<double>(*s.first_token_p95).count());
  else
    json.null("first_token_p95_s");
  json.key("transitions");
  json.begin_object();
  json.number("closed", s.transitions[0]);
  json.number("open", s.transitions[1]);
  json.number("half_open", s.transitions[2]);
  json.end_object();
  json.end_object();
}

http_reply breaker_reply(exchange& ex, const breaker_info& x) {
  http_reply reply;
  json_writer json{reply.body};
  write_breaker(json, x, ex.home.now());
  return reply;
}

/// The body of an order; without `forces` it has a reason alone.
std::variant<breaker_order, problem> read_order(exchange& ex, bool forces) {
  const auto body = read_json(ex.request.body, ex.home.limits().json_depth_max);
  if (!body)
    return to_problem(body.error());
  const auto* object = body->if_object();
  if (!object)
    return validation_problem({{"", "the body must be an object"}});
  std::vector<field_error> errors;
  field_reader fields{*object, "", errors};
  breaker_order order;
  order.reason = fields.text("reason", 1, reason_chars_max).value_or("");
  if (!object->contains("reason"))
    fields.wrong("reason", "is required: say why, for those who look later");
  if (forces) {
    const auto state = fields.choice("state", {"open", "closed"});
    if (!object->contains("state"))
      fields.wrong("state", "is required: open or closed");
    order.state =
      state == "closed" ? breaker_state::closed : breaker_state::open;
    order.ttl = std::chrono::seconds{
      fields.integer("ttl_s", {1, ttl_s_max}).value_or(ttl_s_default)};
  }
  fields.finish();
  if (!errors.empty())
    return validation_problem(std::move(errors));
  return order;
}

task<http_reply> answer_order(exchange& ex, pending_answer& pending) {
  const auto until = ex.home.now() + ex.home.limits().answer_timeout;
  auto body = co_await pending.wait(until);
  auto answer = expect_answer<breaker_answer>(std::move(body));
  if (auto* no = std::get_if<runtime::refused>(&answer))
    co_return ex.fail(to_problem(*no));
  co_return breaker_reply(ex, {.target = ex.params.front(),
                               .line = std::get<breaker_answer>(answer).line});
}

} // namespace

task<http_reply> get_breakers(exchange& ex) {
  http_reply reply;
  json_writer json{reply.body};
  json.begin_object();
  json.text("object", "list");
  json.key("data");
  json.begin_array();
  for (const auto& x : port_of(ex).breakers())
    write_breaker(json, x, ex.home.now());
  json.end_array();
  json.end_object();
  co_return reply;
}

task<http_reply> get_breaker(exchange& ex) {
  if (auto found = find(ex))
    co_return breaker_reply(ex, *found);
  co_return ex.fail(unknown_breaker());
}

task<http_reply> force_breaker(exchange& ex) {
  if (!find(ex))
    co_return ex.fail(unknown_breaker());
  auto order = read_order(ex, true);
  if (auto* wrong = std::get_if<problem>(&order))
    co_return ex.fail(*wrong);
  pending_answer pending{ex.conn};
  port_of(ex).force(ex.params.front(),
                    std::move(std::get<breaker_order>(order)), pending.ref());
  co_return co_await answer_order(ex, pending);
}

task<http_reply> reset_breaker(exchange& ex) {
  if (!find(ex))
    co_return ex.fail(unknown_breaker());
  auto order = read_order(ex, false);
  if (auto* wrong = std::get_if<problem>(&order))
    co_return ex.fail(*wrong);
  pending_answer pending{ex.conn};
  port_of(ex).reset(ex.params.front(),
                    std::move(std::get<breaker_order>(order).reason),
                    pending.ref());
  co_return co_await answer_order(ex, pending);
}

} // namespace troupe::gateway
