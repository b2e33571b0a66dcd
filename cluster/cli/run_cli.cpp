#include "cluster/cli/breaker_commands.hpp"
#include "cluster/cli/check_command.hpp"
#include "cluster/cli/cli_context.hpp"
#include "cluster/cli/dlq_arguments.hpp"
#include "cluster/cli/job_commands.hpp"
#include "cluster/cli/metadata_filter.hpp"
#include "cluster/cli/submit_command.hpp"
#include "cluster/cli/tenant_commands.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <ostream>

namespace troupe::cluster {
namespace {

constexpr auto main_footer = R"(Examples:
  troupe serve                         start a node with the demo models
  troupe submit -m writer "Package: tree" --watch
  troupe jobs --status queued --json
  troupe check -c node.yaml

Environment: TROUPE_URL (default http://127.0.0.1:8080), TROUPE_ADMIN_URL
(default http://127.0.0.1:8081), TROUPE_API_KEY.
Exit codes: 0 done, 1 unexpected, 2 usage or configuration, 3 unreachable,
4 not allowed, 5 not found, 6 try later, 7 refused, 8 job failed, 9 job
incomplete, 130 interrupted.)";

constexpr auto submit_footer = R"(Examples:
  troupe submit -m writer "Package: tree"          prints the job's id
  troupe submit -m writer "Package: tree" --watch  prints the text as it comes
  troupe submit -m sim-fast --wait 30 < question.txt
  troupe submit -f body.json --json | jq .id
A text that begins with a dash stands behind --: troupe submit -m writer -- -x)";

constexpr auto job_footer = R"(Examples:
  troupe job job_01k3x9m2c8f4t7q0v5zr1ndbhe
  troupe job job_01k3x9m2c8f4t7q0v5zr1ndbhe --watch
  troupe job job_01k3x9m2c8f4t7q0v5zr1ndbhe --events --json)";

constexpr auto jobs_footer = R"(Examples:
  troupe jobs --status failed --limit 100
  troupe jobs --model writer --follow
Repeated filters mean "or", different ones "and".)";

constexpr auto cancel_footer = R"(Examples:
  troupe cancel job_01k3x9m2c8f4t7q0v5zr1ndbhe --reason "wrong input"
  troupe jobs --status queued | tail -n +2 | cut -f1 | xargs troupe cancel)";

constexpr auto check_footer = R"(Examples:
  troupe check -c node.yaml            the effective configuration
  troupe check                         that of the built-in demo
  troupe check --print-schema          every key with its range)";

/// The values of all options; the parser writes into it.
struct cli_values {
  std::string serve_file;
  check_options check;
  submit_options submit;
  job_options job;
  jobs_options jobs;
  cancel_options cancel;
  dlq_options dlq;
  breaker_options breakers;
  tenant_options tenants;
};

void add_api_options(CLI::App& to, api_options& options) {
  to.add_option("--url", options.url, "The node's API, http://HOST:PORT");
  to.add_option("--key-file", options.key_file,
                "File with the API key, readable by you alone");
  to.add_flag("--json", options.json, "Print JSON");
}

void add_reconnect(CLI::App& to, uint32_t& seconds) {
  to.add_option("--reconnect-s", seconds,
                "Give up after so long without a server")
    ->capture_default_str()
    ->check(CLI::Range(0, 86'400));
}

void add_serve(CLI::App& app, cli_values& values) {
  auto* serve = app.add_subcommand("serve", "Run a node until it is stopped");
  serve->add_option("-c,--config", values.serve_file,
                    "Configuration file; without it the built-in demo");
}

void add_check(CLI::App& app, cli_values& values) {
  auto* check = app.add_subcommand("check", "Validate a configuration");
  check->footer(check_footer);
  check->add_option("-c,--config", values.check.file,
                    "Configuration file; without it the built-in demo");
  check->add_flag("--print-schema", values.check.schema,
                  "Print every key instead");
  check->add_flag("--json", values.check.json, "Print JSON");
}

void add_submit(CLI::App& app, cli_values& values) {
  auto& to = values.submit;
  auto* submit = app.add_subcommand("submit", "Make a job");
  submit->footer(submit_footer);
  submit->add_option("TEXT", to.text,
                     "The input; - or nothing: standard input");
  submit->add_option("-m,--model", to.model, "Which model answers");
  submit->add_option("-f,--file", to.body_file,
                     "Body of the request as a JSON file; - is standard input");
  submit->add_option("--max-output-tokens", to.output_tokens_max,
                     "Bound of the answer");
  submit->add_option("--temperature", to.temperature, "0 (greedy) to 2");
  submit->add_option("--seed", to.seed, "Makes sampling repeatable");
  submit->add_option("--idempotency-key", to.idempotency_key,
                     "The same key makes the same job (default: a fresh one)");
  auto* watch = submit->add_flag(
    "--watch", to.watch, "Print the output as it comes; Ctrl-C detaches");
  submit->add_option("--wait", to.wait_s, "Wait so many seconds for the result")
    ->check(CLI::Range(1, 86'400))
    ->excludes(watch);
  submit
    ->add_flag("--cancel-on-interrupt", to.cancel_on_interrupt,
               "Ctrl-C cancels the watched job")
    ->needs(watch);
  add_reconnect(*submit, to.reconnect_s);
  add_api_options(*submit, to.api);
}

void add_job(CLI::App& app, cli_values& values) {
  auto& to = values.job;
  auto* job = app.add_subcommand("job", "Show one job");
  job->footer(job_footer);
  job->add_option("ID", to.id, "The job")->required();
  auto* events = job->add_flag("--events", to.events, "List its events");
  auto* result = job->add_flag("--result", to.result, "Print its output");
  auto* watch = job->add_flag("--watch", to.watch,
                              "Print its output to the end; Ctrl-C detaches");
  auto* why =
    job->add_flag("--why", to.why, "Why it waits, and was treated as it was");
  events->excludes(result)->excludes(watch)->excludes(why);
  result->excludes(watch)->excludes(why);
  watch->excludes(why);
  add_reconnect(*job, to.reconnect_s);
  add_api_options(*job, to.api);
}

void add_jobs(CLI::App& app, cli_values& values) {
  auto& to = values.jobs;
  auto* jobs = app.add_subcommand("jobs", "List jobs, newest first");
  jobs->footer(jobs_footer);
  jobs->add_option("--status", to.statuses, "queued, in_progress, ...")
    ->take_all();
  jobs->add_option("--model", to.models, "Requested model")->take_all();
  jobs->add_option("--task", to.tasks, "chat, complete")->take_all();
  jobs->add_option("--class", to.classes, "Job class")->take_all();
  jobs->add_option("--tier", to.tiers, "flex, default, priority")->take_all();
  add_metadata_filter(*jobs, to.metadata);
  jobs->add_option("--created-after", to.created_after, "RFC 3339 time");
  jobs->add_option("--created-before", to.created_before, "RFC 3339 time");
  jobs->add_flag("--dead-letter", to.dead_letter, "Dead jobs only");
  jobs->add_option("--limit", to.limit, "So many at most")
    ->capture_default_str()
    ->check(CLI::Range(1, 1'000'000));
  auto* after = jobs->add_option("--after", to.after, "Go on behind this id");
  auto* order = jobs->add_option("--order", to.order, "desc or asc")
                  ->check(CLI::IsMember({"desc", "asc"}));
  jobs
    ->add_flag("--follow", to.follow,
               "Go on with jobs that are new or change (of the 100 newest)")
    ->excludes(after)
    ->excludes(order);
  add_reconnect(*jobs, to.reconnect_s);
  add_api_options(*jobs, to.api);
}

void add_cancel(CLI::App& app, cli_values& values) {
  auto& to = values.cancel;
  auto* cancel = app.add_subcommand("cancel", "Cancel jobs");
  cancel->footer(cancel_footer);
  cancel->add_option("ID", to.ids, "The jobs")->required();
  cancel->add_option("--reason", to.reason, "Kept with the job")
    ->check([](const std::string& text) {
      return text.size() <= 200 ? std::string{} : "at most 200 characters";
    });
  add_api_options(*cancel, to.api);
}

int dispatch(const CLI::App& app, const cli_values& values,
             const cli_context& context) {
  auto code = exit_code::usage;
  if (app.got_subcommand("serve"))
    return context.serve(values.serve_file);
  if (app.got_subcommand("check"))
    code = run_check(values.check, context);
  else if (app.got_subcommand("submit"))
    code = run_submit(values.submit, context);
  else if (app.got_subcommand("job"))
    code = run_job(values.job, context);
  else if (app.got_subcommand("jobs"))
    code = run_jobs(values.jobs, context);
  else if (app.got_subcommand("cancel"))
    code = run_cancel(values.cancel, context);
  else if (app.got_subcommand("dlq"))
    code = run_dlq(values.dlq, context);
  else if (app.got_subcommand("breakers"))
    code = run_breakers(app, values.breakers, context);
  else if (app.got_subcommand("tenants"))
    code = run_tenants(app, values.tenants, context);
  return static_cast<int>(code);
}

} // namespace

int run_cli(const std::vector<std::string>& arguments,
            const cli_context& context) {
  cli_values values;
  CLI::App app{"Troupe: durable, streamed jobs on AI models", "troupe"};
  app.footer(main_footer);
  app.require_subcommand(1);
  app.set_version_flag("--version", "troupe " TROUPE_VERSION);
  add_serve(app, values);
  add_check(app, values);
  add_submit(app, values);
  add_job(app, values);
  add_jobs(app, values);
  add_cancel(app, values);
  add_dlq(app, values.dlq);
  add_breakers(app, values.breakers);
  add_tenants(app, values.tenants);
  try {
    std::vector<std::string> reversed{arguments.rbegin(), arguments.rend()};
    app.parse(std::move(reversed));
    return dispatch(app, values, context);
  } catch (const CLI::ParseError& e) {
    auto code = app.exit(e, context.out, context.err);
    return code == 0 ? 0 : static_cast<int>(exit_code::usage);
  } catch (const std::exception& e) {
    context.err << "troupe: defect: " << e.what() << '\n';
    return static_cast<int>(exit_code::unexpected);
  }
}

} // namespace troupe::cluster
