#include "cluster/cli/job_watch.hpp"

#include "cluster/cli/job_text.hpp"
#include "cluster/cli/table.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <cmath>
#include <ostream>

namespace troupe::cluster {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using runtime::duration;

constexpr duration first_delay = 250ms;
constexpr duration longest_delay = 5s;
constexpr duration retry_after_max = 60s;

bool is_terminal_event(std::string_view type) {
  return type == "job.completed" || type == "job.incomplete"
         || type == "job.failed" || type == "job.cancelled"
         || type == "job.expired";
}

uint64_t number_at(const json::value& object, std::string_view key) {
  boost::system::error_code error;
  auto number = member(object, key).to_number<uint64_t>(error);
  return error ? 0 : number;
}

std::string seconds_of(duration span) {
  auto tenths = (span.count() + 50'000) / 100'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

duration retry_after(const runtime::http_response& answer) {
  std::string text{answer.header("Retry-After")};
  if (text.empty() || text.size() > 6
      || text.find_first_not_of("0123456789") != std::string::npos)
    return {};
  return std::min<duration>(std::chrono::seconds{std::stol(text)},
                            retry_after_max);
}

} // namespace

job_watch::job_watch(const api& server, const cli_context& context,
                     std::string id, watch_options options)
  : server_{server}, context_{context}, id_{std::move(id)}, options_{options},
    random_{runtime::entropy_seed()} {}

exit_code job_watch::run() {
  while (!result_ && connect_once() == step::again)
    ;
  end_line();
  return result_.value_or(exit_code::unexpected);
}

job_watch::step job_watch::connect_once() {
  runtime::http_headers headers{{"Accept", "text/event-stream"}};
  if (!last_event_id_.empty())
    headers.emplace_back("Last-Event-ID", last_event_id_);
  runtime::sse_parser parser;
  auto answer = server_.stream(
    "/v1/jobs/" + runtime::percent_encode(id_) + "/events", headers,
    {.wanted =
       [this](const runtime::http_response& head) {
         connected_ = true;
         return head.status == 200
                && head.header("Content-Type").starts_with("text/event-stream");
       },
     .take =
       [&](std::string_view bytes) {
         for (const auto& event : parser.feed(bytes))
           if (!result_)
             take(event);
         return !result_ && !parser.overflowed();
       }});
  if (result_)
    return step::ended;
  if (parser.overflowed())
    return give_up({exit_code::unexpected, "an event of the stream is too "
                                           "large"});
  if (!answer)
    return broken(answer.error());
  if (answer->status == 204)
    return finish_from_job();
  if (answer->status != 200)
    return refused(*answer);
  if (!answer->header("Content-Type").starts_with("text/event-stream"))
    return give_up({exit_code::unexpected, "the server sent no event stream: "
                                           "is it a Troupe?"});
  return wait_before_retry("the server closed the stream", {}) ? step::again
                                                               : step::ended;
}

void job_watch::take(const runtime::sse_event& event) {
  failures_ = 0;
  quiet_since_.reset();
  last_event_id_ = event.id;
  if (options_.json)
    context_.out << (context_.out_is_terminal ? one_line(event.data)
                                              : event.data)
                 << '\n'
                 << std::flush;
  boost::system::error_code error;
  auto body = json::parse(event.data, error);
  if (error) {
    give_up({exit_code::unexpected, "an event of the stream is no JSON"});
    return;
  }
  if (event.type == "output.delta") {
    take_delta(body);
  } else if (event.type == "output.reset") {
    shown_bytes_ = number_at(body, "from_offset");
    tell("the model starts again from byte " + std::to_string(shown_bytes_)
         + ": discard the text behind it");
  } else if (event.type == "job.retrying") {
    tell("attempt " + cell_at(body, "attempt") + " follows in "
         + cell_at(body, "delay_s") + " s: " + text_at(body, "reason"));
  } else if (is_terminal_event(event.type)) {
    const auto& job = member(body, "job");
    result_ = exit_code_of_job(text_at(job, "status"));
    if (auto why = ending_text(job); !why.empty())
      tell(id_ + " " + why);
  }
}

void job_watch::take_delta(const json::value& event) {
  auto offset = number_at(event, "offset");
  auto text = text_at(event, "text");
  // What a resumed stream sends again was printed already.
  auto seen = shown_bytes_ > offset ? shown_bytes_ - offset : 0;
  if (seen >= text.size())
    return;
  auto fresh = text.substr(seen);
  shown_bytes_ = offset + text.size();
  if (options_.json)
    return;
  context_.out << (context_.out_is_terminal ? safe_text(fresh) : fresh)
               << std::flush;
  line_open_ = !fresh.ends_with('\n');
}

job_watch::step job_watch::refused(const runtime::http_response& answer) {
  auto failure = describe_refusal(answer.status, answer.body);
  bool passes = answer.status == 429 || answer.status >= 500;
  if (!passes
      || (failures_ == 0 && last_event_id_.empty() && answer.status != 503))
    return give_up(failure);
  return wait_before_retry(failure.message, retry_after(answer)) ? step::again
                                                                 : step::ended;
}

job_watch::step job_watch::broken(const runtime::http_failure& failure) {
  auto described = describe_break(failure, server_.url_text());
  bool mendable = described.code == exit_code::unreachable;
  if (!mendable || !connected_)
    return give_up(described);
  return wait_before_retry("the connection broke: " + failure.why.context, {})
           ? step::again
           : step::ended;
}

job_watch::step job_watch::finish_from_job() {
  auto job = server_.get("/v1/jobs/" + runtime::percent_encode(id_));
  if (!job)
    return give_up(job.error());
  result_ = exit_code_of_job(text_at(job->body, "status"));
  if (auto why = ending_text(job->body); !why.empty())
    tell(id_ + " " + why);
  return step::ended;
}

job_watch::step job_watch::give_up(const cli_failure& failure) {
  result_ = failure.code;
  tell(failure.message);
  return step::ended;
}

bool job_watch::wait_before_retry(const std::string& why, duration at_least) {
  auto now = runtime::system_clock().mono();
  if (!quiet_since_)
    quiet_since_ = now;
  if (now - *quiet_since_ >= options_.patience) {
    give_up({exit_code::unreachable,
             why + "; gave up after " + seconds_of(options_.patience)});
    return false;
  }
  auto doubled = static_cast<double>(first_delay.count())
                 * std::exp2(std::min(failures_++, 10u));
  auto bounded = std::min(doubled, static_cast<double>(longest_delay.count()));
  // Between half and all of it, so that a herd of readers spreads.
  duration delay{std::llround(bounded * (0.5 + random_.unit() / 2))};
  delay = std::max(delay, at_least);
  auto behind =
    last_event_id_.empty() ? std::string{} : " behind event " + last_event_id_;
  tell(why + "; resuming" + behind + " in " + seconds_of(delay));
  if (server_.pause(delay))
    return true;
  give_up({exit_code::interrupted, "interrupted"});
  return false;
}

void job_watch::end_line() {
  if (line_open_)
    context_.out << '\n' << std::flush;
  line_open_ = false;
}

void job_watch::tell(const std::string& text) {
  if (line_open_ && context_.out_is_terminal)
    context_.out << '\n' << std::flush;
  if (context_.out_is_terminal)
    line_open_ = false;
  context_.err << "troupe: " << safe_text(text) << '\n' << std::flush;
}

} // namespace troupe::cluster
