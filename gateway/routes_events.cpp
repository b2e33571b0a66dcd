#include "gateway/routes_events.hpp"

#include "gateway/connection.hpp"
#include "gateway/event_stream.hpp"
#include "gateway/io_thread.hpp"
#include "gateway/job_answers.hpp"
#include "gateway/job_json.hpp"
#include "gateway/query_reader.hpp"

#include <algorithm>
#include <utility>

namespace troupe::gateway {

using runtime::event;
using runtime::job_id;
using runtime::job_view;
using runtime::refused;

namespace {

constexpr uint64_t wait_s_max = 60;
constexpr uint64_t page_limit_max = 1000;

struct events_query {
  job_id id;
  uint64_t from = 0;
  uint32_t limit = 100;
  uint64_t wait_s = 0;
  bool stream = false;
};

// EventSource asks for exactly this type; a browser page or curl asks for */*.
bool wants_stream(std::string_view accept) {
  const double stream = accept_quality(accept, "text", "event-stream");
  const double json = accept_quality(accept, "application", "json");
  auto rest = accept;
  while (!rest.empty()) {
    auto element = take_until(rest, ',');
    if (equal_nocase(trim(take_until(element, ';')), "text/event-stream"))
      return stream > 0.0 && stream >= json;
  }
  return false;
}

// The first event after the client's cursor. Last-Event-ID wins.
std::optional<uint64_t> first_wanted(const exchange& ex,
                                     std::optional<std::string_view> after) {
  if (ex.request.has(header::last_event_id))
    after = ex.request.get(header::last_event_id);
  if (!after)
    return 0;
  const auto n = parse_digits(*after);
  if (!n || *n == UINT64_MAX)
    return std::nullopt;
  return *n + 1;
}

std::variant<events_query, problem> read_query(const exchange& ex) {
  query_reader query{ex.request};
  events_query x;
  const auto after = query.text("starting_after");
  x.limit = static_cast<uint32_t>(
    query.natural("limit", 1, page_limit_max).value_or(100));
  x.wait_s = query.natural("wait_s", 0, wait_s_max).value_or(0);
  x.stream = query.boolean("stream").value_or(
    wants_stream(ex.request.get(header::accept)));
  if (auto wrong = query.finish())
    return std::move(*wrong);
  const auto from = first_wanted(ex, after);
  if (!from)
    return problem{.slug = "invalid-cursor",
                   .detail = "the cursor is not the number of an event"};
  x.from = *from;
  const auto id = job_id::parse(ex.params.front());
  if (!id)
    return problem{.slug = "not-found", .detail = "there is no such job"};
  x.id = *id;
  return x;
}

// Returns when an event from `from` on is committed, or with the time.
class event_watch final : private delivery_target {
public:
  event_watch(exchange& ex, job_id id) : ex_{ex}, id_{id} {
    ref_ = ex.home.sink().open(*this);
    ex.home.shared().parts.jobs.watch(id, std::string{ex.tenant}, ref_);
  }
  ~event_watch() {
    ex_.home.shared().parts.jobs.forget(id_, ref_);
    ex_.home.sink().close(ref_.ticket);
  }
  event_watch(const event_watch&) = delete;
  event_watch& operator=(const event_watch&) = delete;

  task<void> wait_for(uint64_t from, runtime::mono_time until) {
    peer_watch watch{ex_.conn};
    while (end_ <= from && !over_ && ex_.home.now() < until
           && !ex_.conn.peer_gone())
      co_await ex_.conn.suspend(until);
  }

private:
  void deliver(runtime::delivery_body body) override {
    if (const auto* opened = std::get_if<runtime::watch_opened>(&body)) {
      end_ = std::max(end_, opened->next_seq);
      over_ = runtime::is_terminal(opened->job.record.status);
    } else if (const auto* live = std::get_if<runtime::job_events>(&body);
               live && live->events && !live->events->empty()) {
      end_ = std::max(end_, live->events->back().seq + 1);
    } else {
      over_ = true;
    }
    ex_.conn.wake();
  }

  exchange& ex_;
  job_id id_;
  runtime::sink_ref ref_;
  uint64_t end_ = 0;
  bool over_ = false;
};

http_reply page_reply(const job_view& job, const events_query& query,
                      const std::vector<event>& events) {
  auto end = std::max(job.record.next_seq, query.from);
  bool terminal = runtime::is_terminal(job.record.status);
  if (!events.empty()) {
    end = std::max(end, events.back().seq + 1);
    terminal =
      terminal
      || std::holds_alternative<runtime::job_ended>(events.back().body);
  }
  const auto next = events.empty() ? query.from : events.back().seq + 1;
  http_reply reply;
  json_writer json{reply.body};
  json.begin_object();
  json.text("object", "list");
  json.key("data");
  json.begin_array();
  for (const auto& x : events)
    write_event(json, job.record.id, job.spec.get(), job.record.task, x);
  json.end_array();
  if (events.empty()) {
    json.null("first_id");
    json.null("last_id");
  } else {
    json.number("first_id", events.front().seq);
    json.number("last_id", events.back().seq);
  }
  json.boolean("has_more", next < end);
  if (end > 0)
    json.number("last_seq", end - 1);
  else
    json.null("last_seq");
  json.boolean("terminal", terminal && next >= end);
  json.end_object();
  return reply;
}

task<http_reply> get_page(exchange& ex, events_query query) {
  auto answer = co_await ask_job(ex, query.id);
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  auto job = std::move(std::get<job_view>(answer));
  const bool live = !runtime::is_terminal(job.record.status);
  if (!live && !job.spec)
    co_return ex.fail(
      {.slug = "cursor-expired", .detail = "the job's events were retired"});
  if (live && query.from > job.record.next_seq)
    co_return ex.fail({.slug = "invalid-cursor",
                       .detail = "the job has only "
                                 + std::to_string(job.record.next_seq)
                                 + " events"});
  if (live && query.wait_s > 0 && query.from >= job.record.next_seq) {
    event_watch watch{ex, query.id};
    co_await watch.wait_for(query.from,
                            ex.home.now() + std::chrono::seconds{query.wait_s});
  }
  auto page = co_await ask_events(ex, query.id, query.from, query.limit);
  if (auto* no = std::get_if<refused>(&page))
    co_return ex.fail(to_problem(*no));
  co_return page_reply(job, query, std::get<std::vector<event>>(page));
}

task<http_reply> get_stream(exchange& ex, events_query query) {
  event_stream stream{ex, query.id, query.from};
  co_return co_await stream.run();
}

task<http_reply> refuse(http_reply reply) {
  co_return reply;
}

} // namespace

// No coroutine: a stream's frame lives long and holds no problem.
task<http_reply> get_events(exchange& ex) {
  auto query = read_query(ex);
  if (const auto* wrong = std::get_if<problem>(&query))
    return refuse(ex.fail(*wrong));
  const auto& wanted = std::get<events_query>(query);
  return wanted.stream ? get_stream(ex, wanted) : get_page(ex, wanted);
}

} // namespace troupe::gateway
