#include "cluster/cli/job_commands.hpp"

#include "cluster/cli/job_text.hpp"
#include "cluster/cli/job_watch.hpp"
#include "cluster/cli/table.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <ostream>

namespace troupe::cluster {
namespace {

namespace json = boost::json;

constexpr uint32_t events_per_page = 1000;

std::string job_target(const std::string& id) {
  return "/v1/jobs/" + runtime::percent_encode(id);
}

/// What is special about an event, in a few words.
std::string event_detail(const json::value& event) {
  for (auto key : {"text", "reason", "worker", "position"})
    if (auto text = cell_at(event, key); !text.empty())
      return text;
  if (const auto& job = member(event, "job"); job.is_object())
    return text_at(job, "status");
  return cell_at(event, "from_offset");
}

exit_code print_events(const api& server, const job_options& options,
                       const cli_context& context) {
  table rows{context, {{"SEQ", 5}, {"TIME_US", 16}, {"TYPE", 16}, {"DETAIL"}}};
  std::string cursor;
  for (;;) {
    auto page = server.get(job_target(options.id) + "/events?limit="
                           + std::to_string(events_per_page) + cursor);
    if (!page)
      return complain(page.error(), context);
    const auto* events = member(page->body, "data").if_array();
    if (!events)
      return complain({exit_code::unexpected, "the server sent no list"},
                      context);
    for (const auto& event : *events)
      if (options.api.json)
        context.out << compact(event) << '\n';
      else
        rows.add({cell_at(event, "seq"), cell_at(event, "time_us"),
                  text_at(event, "type"), event_detail(event)});
    if (!options.api.json)
      rows.flush();
    if (events->empty() || !flag_at(page->body, "has_more"))
      break;
    cursor = "&starting_after=" + cell_at(events->back(), "seq");
  }
  context.out.flush();
  return exit_code::done;
}

exit_code print_result(const api& server, const job_options& options,
                       const cli_context& context) {
  auto answer = server.get(job_target(options.id) + "/result");
  if (!answer)
    return complain(answer.error(), context);
  if (answer->status == 202)
    return complain(
      {exit_code::unexpected,
       options.id + " has not ended: it is " + text_at(answer->body, "status")},
      context);
  if (options.api.json)
    context.out << answer->text << '\n' << std::flush;
  else
    print_text(context, output_text(answer->body));
  if (auto why = ending_text(answer->body); !why.empty())
    context.err << "troupe: " << why << '\n';
  return exit_code_of_job(text_at(answer->body, "status"));
}

} // namespace

exit_code run_job(const job_options& options, const cli_context& context) {
  auto server = api::open(options.api, context);
  if (!server)
    return complain(server.error(), context);
  if (options.watch) {
    watch_options how{.json = options.api.json,
                      .patience = std::chrono::seconds{options.reconnect_s}};
    return job_watch{*server, context, options.id, how}.run();
  }
  if (options.events)
    return print_events(*server, options, context);
  if (options.result)
    return print_result(*server, options, context);
  auto job =
    server->get(job_target(options.id)
                + (options.why ? "?include=decision&include=why" : ""));
  if (!job)
    return complain(job.error(), context);
  if (options.why && !options.api.json) {
    print_fields(context,
                 json::object{{"why", member(job->body, "why")},
                              {"decision", member(job->body, "decision")}});
    return exit_code::done;
  }
  if (options.api.json)
    context.out << job->text << '\n' << std::flush;
  else
    print_fields(context, job->body);
  return exit_code::done;
}

exit_code run_cancel(const cancel_options& options,
                     const cli_context& context) {
  auto server = api::open(options.api, context);
  if (!server)
    return complain(server.error(), context);
  json::object body;
  if (!options.reason.empty())
    body["reason"] = options.reason;
  auto code = exit_code::done;
  table rows{context, {{"ID"}, {"STATUS"}}};
  for (const auto& id : options.ids) {
    auto job = server->post(job_target(id) + "/cancel", body);
    if (!job) {
      auto why =
        complain({job.error().code, id + ": " + job.error().message}, context);
      code = code == exit_code::done ? why : code;
      if (why == exit_code::unreachable || why == exit_code::interrupted)
        break;
    } else if (options.api.json) {
      context.out << job->text << '\n' << std::flush;
    } else {
      rows.add({text_at(job->body, "id"), text_at(job->body, "status")});
    }
  }
  if (!options.api.json)
    rows.flush();
  return code;
}

} // namespace troupe::cluster
