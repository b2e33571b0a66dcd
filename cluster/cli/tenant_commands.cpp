#include "cluster/cli/tenant_commands.hpp"

#include "cluster/cli/table.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <CLI/CLI.hpp>

#include <ostream>

namespace troupe::cluster {
namespace {

namespace json = boost::json;

constexpr auto footer = R"(Examples:
  troupe tenants
  troupe tenants budget acme --cost-per-minute 600 --burst 1200 --reason "launch"
  troupe tenants reset acme --reason "launch is over")";

constexpr auto path = "/admin/v1/tenants";

table make_table(const cli_context& context) {
  return {context,
          {{"NAME"},
           {"JOBS"},
           {"JOBS_MAX"},
           {"COST_PER_MINUTE"},
           {"BURST"},
           {"REMAINING"},
           {"RESERVED"},
           {"OVERRIDE_LAPSES_IN_S"}}};
}

std::vector<std::string> cells(const json::value& tenant) {
  const auto& budget = member(tenant, "budget");
  return {text_at(tenant, "name"),
          cell_at(tenant, "jobs"),
          cell_at(tenant, "queued_jobs_max"),
          cell_at(budget, "cost_per_minute"),
          cell_at(budget, "burst"),
          cell_at(budget, "remaining"),
          cell_at(budget, "reserved"),
          cell_at(member(tenant, "override"), "lapses_in_s")};
}

exit_code list(const api& server, const tenant_options& options,
               const cli_context& context) {
  auto answer = server.get(path);
  if (!answer)
    return complain(answer.error(), context);
  const auto* tenants = member(answer->body, "data").if_array();
  if (!tenants)
    return complain({exit_code::unexpected, "the server sent no list"},
                    context);
  auto rows = make_table(context);
  for (const auto& x : *tenants)
    if (options.api.json)
      context.out << compact(x) << '\n';
    else
      rows.add(cells(x));
  if (!options.api.json)
    rows.flush();
  context.out.flush();
  return exit_code::done;
}

exit_code show(const cli_result<api_answer>& answer,
               const tenant_options& options, const cli_context& context) {
  if (!answer)
    return complain(answer.error(), context);
  if (options.api.json) {
    context.out << answer->text << '\n' << std::flush;
    return exit_code::done;
  }
  auto rows = make_table(context);
  rows.add(cells(answer->body));
  rows.flush();
  return exit_code::done;
}

/// CLI::Range lets NaN pass.
std::string check_cost(const std::string& text) {
  double value = 0;
  const auto ok =
    CLI::detail::lexical_cast(text, value) && value >= 0.000001 && value <= 1e9;
  return ok ? std::string{} : "must be from 0.000001 to 1e9";
}

void add_server(CLI::App& to, api_options& options) {
  to.add_option("--admin-url", options.url,
                "The node's admin listener, http://HOST:PORT");
  to.add_option("--key-file", options.key_file,
                "File with the API key, readable by you alone");
  to.add_flag("--json", options.json, "Print JSON");
}

void add_order(CLI::App& to, tenant_options& options) {
  to.add_option("NAME", options.name, "The tenant")->required();
  to.add_option("--reason", options.reason, "Why; written to the log")
    ->required();
  add_server(to, options.api);
}

} // namespace

void add_tenants(CLI::App& app, tenant_options& options) {
  auto* tenants = app.add_subcommand("tenants", "Tenants and their budgets");
  tenants->footer(footer);
  tenants->require_subcommand(0, 1);
  add_server(*tenants, options.api);
  add_server(*tenants->add_subcommand("list", "List them (default)"),
             options.api);
  auto* budget =
    tenants->add_subcommand("budget", "Override a budget for a while");
  budget
    ->add_option("--cost-per-minute", options.cost_per_minute,
                 "Cost units that come in per minute")
    ->required()
    ->check(check_cost);
  budget->add_option("--burst", options.burst, "Cost units that it may save up")
    ->required()
    ->check(check_cost);
  budget->add_option("--ttl-s", options.ttl_s, "It lapses after so long")
    ->capture_default_str()
    ->check(CLI::Range(60, 604'800));
  add_order(*budget, options);
  add_order(*tenants->add_subcommand("reset", "Back to what is configured"),
            options);
}

exit_code run_tenants(const CLI::App& app, const tenant_options& options,
                      const cli_context& context) {
  auto server = api::open(options.api, context, listener_kind::admin);
  if (!server)
    return complain(server.error(), context);
  const auto* tenants = app.get_subcommand("tenants");
  const auto budget =
    std::string{path} + "/" + runtime::percent_encode(options.name) + "/budget";
  if (tenants->got_subcommand("budget"))
    return show(
      server->put(budget, {{"cost_per_minute", options.cost_per_minute},
                           {"burst", options.burst},
                           {"ttl_s", options.ttl_s},
                           {"reason", options.reason}}),
      options, context);
  if (tenants->got_subcommand("reset"))
    return show(server->remove(budget, {{"reason", options.reason}}), options,
                context);
  return list(*server, options, context);
}

} // namespace troupe::cluster
