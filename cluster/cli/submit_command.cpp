#include "cluster/cli/submit_command.hpp"

#include "cluster/cli/body_file.hpp"
#include "cluster/cli/job_text.hpp"
#include "cluster/cli/job_watch.hpp"
#include "cluster/cli/table.hpp"
#include "runtime/ids.hpp"

#include <boost/json/object.hpp>

#include <algorithm>
#include <ostream>

namespace troupe::cluster {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr int submit_tries = 4;
constexpr uint32_t wait_s_max = 60; ///< Of one request.

cli_failure usage(std::string message) {
  return {exit_code::usage, std::move(message)};
}

/// An input is given on the command line, in the body file, or standard input.
cli_result<json::object> make_body(const submit_options& options,
                                   const cli_context& context) {
  json::object body;
  if (!options.body_file.empty()) {
    auto read = read_body_file(options.body_file, context);
    if (!read)
      return read;
    body = std::move(*read);
  }
  bool from_stdin =
    options.text == "-" || (options.text.empty() && options.body_file.empty());
  if (from_stdin && options.body_file == "-")
    return usage("standard input cannot be both the body and the text");
  if (from_stdin) {
    auto read = read_stdin(context);
    if (!read)
      return read.error();
    body["input"] = *read;
  } else if (!options.text.empty()) {
    body["input"] = options.text;
  }
  if (!options.model.empty())
    body["model"] = options.model;
  auto set_param = [&](std::string_view key, auto value) {
    if (!value)
      return;
    auto& params = body["params"];
    if (!params.is_object())
      params.emplace_object();
    params.get_object()[key] = *value;
  };
  set_param("max_output_tokens", options.output_tokens_max);
  set_param("temperature", options.temperature);
  set_param("seed", options.seed);
  return body;
}

/// A break after sending leaves open whether the job exists: with the same key
/// the second try finds it instead of making another.
cli_result<api_answer> post_job(const api& server, const json::object& body,
                                const submit_options& options,
                                const cli_context& context) {
  runtime::seeded_rng random{runtime::entropy_seed()};
  auto key = options.idempotency_key;
  if (key.empty())
    key =
      "cli-" + runtime::make_request_id(runtime::system_clock().wall(), random);
  runtime::http_headers headers{{"Idempotency-Key", key}};
  if (options.wait_s > 0)
    headers.emplace_back(
      "Prefer", "wait=" + std::to_string(std::min(options.wait_s, wait_s_max)));
  for (int tries = 1;; ++tries) {
    auto answer = server.post("/v1/jobs", body, headers);
    bool broke = answer.has_error()
                 && answer.error().code == exit_code::unreachable
                 && answer.error().message.starts_with("the connection");
    if (!broke || tries == submit_tries)
      return answer;
    context.err << "troupe: " << answer.error().message
                << "; asking again with the same key\n"
                << std::flush;
    if (!server.pause(250ms * (1 << tries)))
      return cli_failure{exit_code::interrupted, "interrupted"};
  }
}

bool ended(const json::value& job) {
  return exit_code_of_job(text_at(job, "status")) != exit_code::unexpected;
}

exit_code print_ended(const json::value& job, const std::string& raw,
                      const submit_options& options,
                      const cli_context& context) {
  if (options.api.json)
    context.out << raw << '\n' << std::flush;
  else
    print_text(context, output_text(job));
  if (auto why = ending_text(job); !why.empty())
    context.err << "troupe: " << why << '\n' << std::flush;
  return exit_code_of_job(text_at(job, "status"));
}

exit_code wait_for_end(const api& server, api_answer first,
                       const submit_options& options,
                       const cli_context& context) {
  auto id = text_at(first.body, "id");
  auto deadline = runtime::system_clock().mono()
                  + std::chrono::seconds{options.wait_s}
                  - std::chrono::seconds{std::min(options.wait_s, wait_s_max)};
  for (auto answer = std::move(first);;) {
    if (ended(answer.body))
      return print_ended(answer.body, answer.text, options, context);
    auto left = std::chrono::duration_cast<std::chrono::seconds>(
      deadline - runtime::system_clock().mono());
    if (left <= 0s)
      break;
    auto seconds = std::min<int64_t>(left.count(), wait_s_max);
    auto next = server.get("/v1/jobs/" + id + "/result",
                           {{"Prefer", "wait=" + std::to_string(seconds)}});
    if (!next)
      return complain(next.error(), context);
    answer = std::move(*next);
  }
  return complain(
    {exit_code::unexpected,
     id + " has not ended yet; see it with: troupe job " + id + " --watch"},
    context);
}

exit_code watch_to_end(const api& server, const std::string& id,
                       const submit_options& options,
                       const cli_context& context) {
  context.err << "troupe: " << id << '\n' << std::flush;
  watch_options how{.json = options.api.json,
                    .patience = std::chrono::seconds{options.reconnect_s}};
  auto code = job_watch{server, context, id, how}.run();
  if (code != exit_code::interrupted)
    return code;
  if (!options.cancel_on_interrupt) {
    context.err << "troupe: detached; the job goes on. See it with: troupe job "
                << id << " --watch\n";
    return code;
  }
  auto cancelled = server.uninterruptible().post(
    "/v1/jobs/" + id + "/cancel", json::object{{"reason", "interrupted"}});
  if (!cancelled) {
    complain(cancelled.error(), context);
    return code;
  }
  context.err << "troupe: " << id << " is "
              << one_line(text_at(cancelled->body, "status")) << '\n';
  return code;
}

} // namespace

exit_code run_submit(const submit_options& options,
                     const cli_context& context) {
  // Before the connection: while standard input is read, Ctrl-C just ends us.
  auto body = make_body(options, context);
  if (!body)
    return complain(body.error(), context);
  auto server = api::open(options.api, context);
  if (!server)
    return complain(server.error(), context);
  auto job = post_job(*server, *body, options, context);
  if (!job)
    return complain(job.error(), context);
  auto id = text_at(job->body, "id");
  if (id.empty())
    return complain({exit_code::unexpected,
                     "the server's answer has no job id: is it a Troupe?"},
                    context);
  if (options.watch)
    return watch_to_end(*server, id, options, context);
  if (options.wait_s > 0)
    return wait_for_end(*server, std::move(*job), options, context);
  if (options.api.json)
    context.out << job->text << '\n' << std::flush;
  else
    context.out << one_line(id) << '\n' << std::flush;
  return exit_code::done;
}

} // namespace troupe::cluster
