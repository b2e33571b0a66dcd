#include "gateway/http_session.hpp"

#include "gateway/io_thread.hpp"
#include "gateway/rate_fields.hpp"
#include "gateway/request_reader.hpp"
#include "gateway/trace_context.hpp"
#include "runtime/log.hpp"

#include <algorithm>
#include <exception>
#include <optional>

namespace troupe::gateway {

using runtime::mono_time;
using step = request_reader::step;

namespace {

constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

class http_session {
public:
  http_session(connection& conn, site where)
    : conn_{conn}, home_{conn.home()}, limits_{home_.limits()}, site_{where},
      reader_{limits_.framing} {}

  task<void> run();

private:
  task<bool> read_head();
  task<bool> read_body();
  task<bool> serve();
  bool objects(const route_match& match, http_reply& reply);
  bool objects_to_body(http_reply& reply);
  task<http_reply> call(const route_match& match);
  // The reply outlives the call: it is no copy in a frame that may live long.
  task<bool> answer(http_reply& reply);
  task<bool> answer_early(http_reply& reply);
  task<bool> discard_rest();
  task<void> refuse_framing();
  std::optional<problem> find_tenant();
  std::optional<problem> check_size(uint64_t bytes);
  void add_rate_fields(http_reply& reply);
  http_reply fail(const problem& x);
  http_reply fail_late(std::string detail) {
    return fail({.slug = "request-timeout", .detail = std::move(detail)});
  }
  bool draining() const { return site_.drains && home_.shared().draining; }
  mono_time body_deadline(mono_time began) const;

  connection& conn_;
  io_thread& home_;
  const gateway_limits& limits_;
  site site_;
  request_reader reader_;
  std::string request_id_;
  std::string trace_id_;
  std::string tenant_;
  bool first_ = true;
};

task<void> http_session::run() {
  for (;;) {
    const bool head_read = co_await read_head();
    if (!head_read)
      break;
    first_ = false;
    const bool goes_on = co_await serve();
    if (!goes_on)
      break;
    reader_.next();
  }
  if (conn_.peer_gone())
    conn_.close_now();
  else
    co_await conn_.close_gently();
}

http_reply http_session::fail(const problem& x) {
  return render(x, {.instance = reader_.request().path,
                    .request_id = request_id_,
                    .trace_id = trace_id_,
                    .jitter = home_.random().unit()});
}

// False: the connection ends, whatever had to be said has been said.
task<bool> http_session::read_head() {
  const auto idle_until =
    home_.now() + (first_ ? limits_.header_timeout : limits_.keep_alive);
  std::optional<mono_time> head_until;
  for (;;) {
    const auto now = reader_.advance();
    if (now == step::head_ready)
      co_return true;
    if (now == step::refused) {
      co_await refuse_framing();
      co_return false;
    }
    const bool untouched = reader_.untouched();
    if (untouched && draining())
      co_return false;
    if (!untouched && !head_until)
      head_until = home_.now() + limits_.header_timeout;
    conn_.set_idle(untouched);
    const auto room = reader_.prepare();
    const auto n = co_await conn_.read(room, head_until.value_or(idle_until));
    conn_.set_idle(false);
    if (n == 0) {
      if (conn_.timed_out() && !untouched) {
        home_.counters().timeouts_header.add();
        request_id_ = home_.make_request_id();
        auto late = fail_late("the head did not arrive in time");
        co_await answer(late);
      }
      co_return false;
    }
    reader_.commit(n);
  }
}

task<void> http_session::refuse_framing() {
  request_id_ = home_.make_request_id();
  home_.counters().guard_refusals.add();
  if (reader_.disagreed())
    home_.counters().guard_disagreements.add();
  problem x{.slug = slug_of(reader_.error()), .detail = reader_.why()};
  const auto& framing = limits_.framing;
  if (reader_.error() == framing_error::uri_too_long)
    x.limit = framing.request_line_bytes_max;
  else if (reader_.error() == framing_error::headers_too_large)
    x.limit = framing.header_bytes_max;
  else if (reader_.error() == framing_error::body_too_large)
    x.limit = framing.body_bytes_max;
  auto reply = fail(x);
  co_await answer(reply);
}

// Absolute, and at the minimal rate after a grace.
mono_time http_session::body_deadline(mono_time began) const {
  const auto paid = std::chrono::milliseconds{
    reader_.body_bytes() * 1000 / std::max<uint64_t>(limits_.body_rate_min, 1)};
  return began + std::min(limits_.body_timeout, limits_.body_rate_grace + paid);
}

task<bool> http_session::read_body() {
  const auto began = home_.now();
  for (;;) {
    const auto now = reader_.advance();
    if (now == step::done)
      co_return true;
    if (now == step::refused) {
      co_await refuse_framing();
      co_return false;
    }
    const auto room = reader_.prepare();
    const auto n = co_await conn_.read(room, body_deadline(began));
    if (n == 0) {
      if (conn_.timed_out()) {
        home_.counters().timeouts_body.add();
        auto late = fail_late("the body did not arrive in time");
        co_await answer(late);
      }
      co_return false;
    }
    reader_.commit(n);
  }
}

// What speaks against the request already; kept small for the frame of `serve`.
bool http_session::objects(const route_match& match, http_reply& reply) {
  auto wrong =
    check_head(reader_.request(), match, home_.shared().config.open_mode);
  if (!wrong)
    wrong = find_tenant();
  if (!wrong)
    wrong = check_size(reader_.content_length());
  if (wrong)
    reply = fail(*wrong);
  return wrong.has_value();
}

bool http_session::objects_to_body(http_reply& reply) {
  auto wrong = check_size(reader_.request().body.size());
  if (wrong)
    reply = fail(*wrong);
  return wrong.has_value();
}

// True: the connection is ready for the next request.
task<bool> http_session::serve() {
  auto& request = reader_.request();
  home_.counters().requests.add();
  request_id_ = home_.make_request_id();
  trace_id_ = trace_id_of(request.get(header::traceparent));
  const auto match = match_route(site_.routes, request);
  http_reply reply;
  if (objects(match, reply))
    co_return co_await answer_early(reply);
  // What arrived with the head may already hold the body.
  const auto now = reader_.advance();
  if (now == step::need_more && request.has(header::expect)
      && request.minor_version > 0)
    co_await conn_.write(go_on);
  const bool body_read = co_await read_body();
  if (!body_read)
    co_return false;
  if (objects_to_body(reply))
    co_return co_await answer(reply);
  if (match.found) {
    reply = co_await call(match);
  } else {
    reply.status = 204;
    reply.add("Allow", match.allow);
  }
  co_return co_await answer(reply);
}

// Keys will say whose request it is. Until then everybody is an operator, and
// may name any tenant.
std::optional<problem> http_session::find_tenant() {
  const auto& request = reader_.request();
  tenant_ = request.has(header::troupe_tenant)
              ? request.get(header::troupe_tenant)
              : runtime::default_tenant;
  if (home_.shared().parts.tenants.exists(tenant_))
    return std::nullopt;
  tenant_.clear();
  problem unknown{.slug = "validation-failed",
                  .detail = "no such tenant is configured"};
  unknown.errors.push_back(
    {"X-Troupe-Tenant", "names no tenant of the configuration"});
  return unknown;
}

// A node whose memory is nearly full takes no large bodies.
std::optional<problem> http_session::check_size(uint64_t bytes) {
  if (bytes <= runtime::tight_body_bytes_max
      || home_.status().memory == runtime::memory_level::normal)
    return std::nullopt;
  return problem{.slug = "queue-full",
                 .detail = "the node's memory is nearly full: it takes bodies "
                           "of at most 64 KiB now",
                 .limit = runtime::tight_body_bytes_max};
}

// Every native answer says what is left of a budget.
void http_session::add_rate_fields(http_reply& reply) {
  if (tenant_.empty() || !reader_.request().path.starts_with("/v1/"))
    return;
  if (auto tenant = home_.shared().parts.tenants.limited(tenant_))
    reply.fields += rate_fields(*tenant, reply.budget_wait_s);
}

task<http_reply> http_session::call(const route_match& match) {
  exchange ex{.request = reader_.request(),
              .conn = conn_,
              .home = home_,
              .request_id = request_id_,
              .trace_id = trace_id_,
              .tenant = tenant_,
              .params = match.params,
              .release_input = [this] { reader_.release(); }};
  try {
    co_return co_await match.found->handler(ex);
  } catch (const std::exception& e) {
    home_.counters().sessions_escaped.add();
    runtime::log_error("gateway", "a route ended by an exception",
                       {{"route", match.found->pattern}, {"what", e.what()}});
  }
  co_return ex.fail({.slug = "internal",
                     .detail = "the request ended in an unexpected way",
                     .close = true});
}

task<bool> http_session::answer(http_reply& reply) {
  if (reply.streamed || conn_.peer_gone())
    co_return false;
  auto& counters = home_.counters();
  if (reply.status >= 500)
    counters.answers_5xx.add();
  else if (reply.status >= 400)
    counters.answers_4xx.add();
  else
    counters.answers_2xx.add();
  const auto& request = reader_.request();
  add_rate_fields(reply);
  const bool keep = request.keep_alive && !reply.close && !draining();
  auto& bytes = home_.scratch();
  append_bytes(bytes, reply,
               {.request_id = request_id_,
                .date = home_.date(),
                .keep_alive = keep,
                .head_only = request.method == "HEAD",
                .minor_version = request.minor_version});
  // Nearly always the kernel takes it all at once.
  const auto taken = conn_.write_now(bytes);
  if (taken == bytes.size())
    co_return keep;
  const auto rest = bytes.substr(taken);
  const bool written = co_await conn_.write(rest);
  if (!written)
    co_return false;
  co_return keep;
}

// Before the body was read. What is left of it must be skipped or the next
// request would be read from its middle.
task<bool> http_session::answer_early(http_reply& reply) {
  const auto now = reader_.discard();
  // A client that waits for 100 may or may not send the body now.
  if (now != step::done
      && (now == step::refused || reader_.request().has(header::expect)))
    reply.close = true;
  const bool goes_on = co_await answer(reply);
  if (!goes_on || now == step::done)
    co_return goes_on;
  co_return co_await discard_rest();
}

task<bool> http_session::discard_rest() {
  const auto until = home_.now() + limits_.discard_timeout;
  for (;;) {
    const auto now = reader_.discard();
    if (now == step::done)
      co_return true;
    if (now == step::refused
        || reader_.body_bytes() > limits_.discard_bytes_max)
      co_return false;
    const auto room = reader_.prepare();
    const auto n = co_await conn_.read(room, until);
    if (n == 0)
      co_return false;
    reader_.commit(n);
  }
}

} // namespace

task<void> run_session(std::shared_ptr<connection> conn, site where) {
  http_session session{*conn, where};
  co_await session.run();
}

} // namespace troupe::gateway
