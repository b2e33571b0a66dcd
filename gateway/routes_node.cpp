#include "gateway/routes_node.hpp"

#include "gateway/alias_choice.hpp"
#include "gateway/io_thread.hpp"
#include "gateway/json_writer.hpp"
#include "gateway/routes_breakers.hpp"
#include "gateway/routes_estimate.hpp"
#include "gateway/routes_events.hpp"
#include "gateway/routes_jobs.hpp"
#include "gateway/routes_letters.hpp"
#include "gateway/routes_replay.hpp"
#include "gateway/routes_replays.hpp"
#include "gateway/routes_tenants.hpp"

#include <algorithm>
#include <array>

namespace troupe::gateway {

namespace {

constexpr std::array public_table{
  route{"POST", "/v1/jobs", create_job, body_rule::required_json},
  route{"GET", "/v1/jobs", list_jobs},
  route{"POST", "/v1/estimate", estimate_job, body_rule::required_json},
  route{"GET", "/v1/jobs/{id}", get_job},
  route{"GET", "/v1/jobs/{id}/result", get_result},
  route{"GET", "/v1/jobs/{id}/events", get_events, body_rule::none,
        representation::json_or_events},
  route{"POST", "/v1/jobs/{id}/cancel", cancel_job, body_rule::optional_json},
  route{"POST", "/v1/jobs/{id}/replay", replay_job, body_rule::optional_json},
  route{"GET", "/v1/dead-letters", list_letters},
  route{"DELETE", "/v1/dead-letters", delete_letters},
  route{"GET", "/v1/dead-letters/{id}", get_letter},
  route{"DELETE", "/v1/dead-letters/{id}", delete_letter},
  route{"POST", "/v1/dead-letters/{id}/replay", replay_letter,
        body_rule::optional_json},
  // Behind {id}: the last match counts.
  route{"POST", "/v1/dead-letters/replays", start_replays,
        body_rule::required_json},
  route{"GET", "/v1/dead-letters/replays", list_replays},
  route{"GET", "/v1/dead-letters/replays/{id}", get_replays},
  route{"PATCH", "/v1/dead-letters/replays/{id}", patch_replays,
        body_rule::required_json},
  route{"POST", "/v1/dead-letters/replays/{id}/pause", pause_replays,
        body_rule::optional_json},
  route{"POST", "/v1/dead-letters/replays/{id}/resume", resume_replays,
        body_rule::optional_json},
  route{"POST", "/v1/dead-letters/replays/{id}/cancel", cancel_replays,
        body_rule::optional_json},
  route{"GET", "/v1/models", get_models},
  route{"GET", "/v1/models/{id}", get_model},
  route{"GET", "/problems", get_problem_index},
  route{"GET", "/problems/{slug}", get_problem_page},
  route{"GET", "/healthz", get_health, body_rule::none, representation::any},
  route{"GET", "/readyz", get_ready, body_rule::none, representation::any},
  route{"GET", "/", get_public_index, body_rule::none, representation::any},
};

constexpr std::array admin_table{
  route{"GET", "/", get_admin_index, body_rule::none, representation::any},
  route{"GET", "/healthz", get_health, body_rule::none, representation::any},
  route{"GET", "/readyz", get_ready_checks, body_rule::none,
        representation::any},
  route{"GET", "/admin/v1/dead-letters", list_letters},
  route{"GET", "/admin/v1/dead-letters/{id}", get_letter},
  route{"POST", "/admin/v1/dead-letters/{id}/replay", replay_letter_as_operator,
        body_rule::required_json},
  route{"GET", "/admin/v1/breakers", get_breakers},
  route{"GET", "/admin/v1/breakers/{name}", get_breaker},
  route{"POST", "/admin/v1/breakers/{name}/force", force_breaker,
        body_rule::required_json},
  route{"POST", "/admin/v1/breakers/{name}/reset", reset_breaker,
        body_rule::required_json},
  route{"GET", "/admin/v1/tenants", get_tenants},
  route{"GET", "/admin/v1/tenants/{name}", get_tenant},
  route{"PUT", "/admin/v1/tenants/{name}/budget", put_budget,
        body_rule::required_json},
  route{"DELETE", "/admin/v1/tenants/{name}/budget", delete_budget,
        body_rule::required_json},
  route{"GET", "/metrics", get_metrics, body_rule::none, representation::any},
  route{"GET", "/problems", get_problem_index},
  route{"GET", "/problems/{slug}", get_problem_page},
};

struct readiness {
  bool draining = false;
  bool store_writable = false;
  bool shard_ready = false;
  bool model_ready = false;
  bool ready() const {
    return !draining && store_writable && shard_ready && model_ready;
  }
};

readiness readiness_of(exchange& ex) {
  const auto& node = ex.home.status();
  return {.draining =
            node.unready || node.draining || ex.home.shared().draining,
          .store_writable = node.store_writable,
          .shard_ready = node.shards_ready > 0,
          .model_ready = std::any_of(node.models.begin(), node.models.end(),
                                     [](const auto& x) { return x.ready; })};
}

http_reply status_reply(bool good, std::string_view word) {
  http_reply reply{.status = static_cast<uint16_t>(good ? 200 : 503)};
  if (!good)
    reply.add("Retry-After", "1");
  json_writer json{reply.body};
  json.begin_object();
  json.text("status", word);
  json.end_object();
  return reply;
}

void write_model(json_writer& json, const node_status& node,
                 const model_info& model) {
  json.begin_object();
  json.text("id", model.name);
  json.text("object", "model");
  json.number("created", 0);
  json.text("owned_by", "troupe");
  json.key("troupe");
  json.begin_object();
  json.text("kind", model.kind);
  json.key("tasks");
  json.begin_array();
  for (const auto task : model.tasks)
    json.text(to_string(task));
  json.end_array();
  write_aliases(json, node.aliases, model.name);
  if (model.context_length > 0)
    json.number("context_length", model.context_length);
  else
    json.null("context_length");
  json.text("state", model.ready ? "ready" : "loading");
  json.text("breaker", to_string(model.breaker));
  json.end_object();
  json.end_object();
}

http_reply index_of(std::string_view name, std::span<const route> routes) {
  http_reply reply;
  json_writer json{reply.body};
  json.begin_object();
  json.text("server", "troupe");
  json.text("listener", name);
  json.key("paths");
  json.begin_array();
  for (const auto& x : routes)
    json.text(std::string{x.method}.append(" ").append(x.pattern));
  json.end_array();
  json.end_object();
  reply.body += '\n';
  return reply;
}

} // namespace

task<http_reply> get_health(exchange& ex) {
  const bool alive = ex.home.shared().parts.status.alive();
  co_return status_reply(alive, alive ? "ok" : "unresponsive");
}

task<http_reply> get_ready(exchange& ex) {
  const bool ready = readiness_of(ex).ready();
  co_return status_reply(ready, ready ? "ready" : "not ready");
}

task<http_reply> get_ready_checks(exchange& ex) {
  const auto checks = readiness_of(ex);
  const auto& node = ex.home.status();
  http_reply reply{.status = static_cast<uint16_t>(checks.ready() ? 200 : 503)};
  if (!checks.ready())
    reply.add("Retry-After", "1");
  json_writer json{reply.body};
  json.begin_object();
  json.text("status", checks.ready() ? "ready" : "not ready");
  json.key("checks");
  json.begin_object();
  json.boolean("draining", checks.draining);
  json.key("store");
  json.begin_object();
  json.text("kind", node.store.kind);
  json.text("durability", node.store.durability);
  json.boolean("writable", node.store_writable);
  if (node.store.free_bytes == UINT64_MAX)
    json.null("free_bytes");
  else
    json.number("free_bytes", node.store.free_bytes);
  json.end_object();
  json.key("shards");
  json.begin_object();
  json.number("ready", node.shards_ready);
  json.number("total", node.shards_total);
  json.end_object();
  json.key("models");
  json.begin_object();
  for (const auto& model : node.models) {
    json.key_escaped(model.name);
    json.text(model.ready ? "ready" : "loading");
  }
  json.end_object();
  json.end_object();
  json.end_object();
  co_return reply;
}

task<http_reply> get_models(exchange& ex) {
  http_reply reply;
  json_writer json{reply.body};
  json.begin_object();
  json.text("object", "list");
  json.key("data");
  json.begin_array();
  const auto& node = ex.home.status();
  for (const auto& model : node.models)
    write_model(json, node, model);
  json.end_array();
  json.end_object();
  co_return reply;
}

task<http_reply> get_model(exchange& ex) {
  const auto& node = ex.home.status();
  for (const auto& model : node.models) {
    if (model.name != ex.params.front())
      continue;
    http_reply reply;
    json_writer json{reply.body};
    write_model(json, node, model);
    co_return reply;
  }
  co_return ex.fail({.slug = "model-not-found",
                     .detail = "no model is configured under this name"});
}

task<http_reply> get_problem_index(exchange&) {
  co_return problem_index();
}

task<http_reply> get_problem_page(exchange& ex) {
  if (auto page = problem_page(ex.params.front()))
    co_return std::move(*page);
  co_return ex.fail(
    {.slug = "not-found", .detail = "there is no such problem type"});
}

task<http_reply> get_metrics(exchange& ex) {
  http_reply reply{.content_type = "text/plain; version=0.0.4; charset=utf-8"};
  if (const auto& text = ex.home.shared().parts.metrics_text)
    reply.body = text();
  co_return reply;
}

task<http_reply> get_public_index(exchange&) {
  co_return index_of("public", public_routes());
}

task<http_reply> get_admin_index(exchange&) {
  co_return index_of("admin", admin_routes());
}

std::span<const route> public_routes() noexcept {
  return public_table;
}

std::span<const route> admin_routes() noexcept {
  return admin_table;
}

} // namespace troupe::gateway
