#include "cluster/cli/breaker_commands.hpp"

#include "cluster/cli/table.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <CLI/CLI.hpp>

#include <ostream>

namespace troupe::cluster {
namespace {

namespace json = boost::json;

constexpr auto footer = R"(Examples:
  troupe breakers
  troupe breakers force sim --state open --ttl-s 900 --reason "bad weights"
  troupe breakers reset sim --reason "weights replaced")";

constexpr auto path = "/admin/v1/breakers";

table make_table(const cli_context& context) {
  return {context,
          {{"NAME"},
           {"STATE"},
           {"CAUSE"},
           {"CALLS"},
           {"FAILED"},
           {"SLOW"},
           {"AVAILABLE_IN_S"},
           {"FORCED_FOR_S"},
           {"REASON"}}};
}

std::vector<std::string> cells(const json::value& breaker) {
  const auto& window = member(breaker, "window");
  return {text_at(breaker, "name"),           text_at(breaker, "state"),
          text_at(breaker, "cause"),          cell_at(window, "calls"),
          cell_at(window, "failed"),          cell_at(window, "slow"),
          cell_at(breaker, "available_in_s"), cell_at(breaker, "forced_for_s"),
          text_at(breaker, "reason")};
}

exit_code list(const api& server, const breaker_options& options,
               const cli_context& context) {
  auto answer = server.get(path);
  if (!answer)
    return complain(answer.error(), context);
  const auto* breakers = member(answer->body, "data").if_array();
  if (!breakers)
    return complain({exit_code::unexpected, "the server sent no list"},
                    context);
  auto rows = make_table(context);
  for (const auto& x : *breakers)
    if (options.api.json)
      context.out << compact(x) << '\n';
    else
      rows.add(cells(x));
  if (!options.api.json)
    rows.flush();
  context.out.flush();
  return exit_code::done;
}

exit_code give_order(const api& server, const std::string& order,
                     const json::object& body, const breaker_options& options,
                     const cli_context& context) {
  auto answer =
    server.post(std::string{path} + "/" + runtime::percent_encode(options.name)
                  + "/" + order,
                body);
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

void add_server(CLI::App& to, api_options& options) {
  to.add_option("--admin-url", options.url,
                "The node's admin listener, http://HOST:PORT");
  to.add_option("--key-file", options.key_file,
                "File with the API key, readable by you alone");
  to.add_flag("--json", options.json, "Print JSON");
}

void add_order(CLI::App& to, breaker_options& options) {
  to.add_option("NAME", options.name, "The model")->required();
  to.add_option("--reason", options.reason, "Why; kept with the breaker")
    ->required();
  add_server(to, options.api);
}

} // namespace

void add_breakers(CLI::App& app, breaker_options& options) {
  auto* breakers = app.add_subcommand("breakers", "Circuit breakers of models");
  breakers->footer(footer);
  breakers->require_subcommand(0, 1);
  add_server(*breakers, options.api);
  add_server(*breakers->add_subcommand("list", "List them (default)"),
             options.api);
  auto* force = breakers->add_subcommand("force", "Hold one open or closed");
  force->add_option("--state", options.state, "open or closed")
    ->required()
    ->check(CLI::IsMember({"open", "closed"}));
  force->add_option("--ttl-s", options.ttl_s, "Let go after so long")
    ->capture_default_str()
    ->check(CLI::Range(1, 86'400));
  add_order(*force, options);
  add_order(*breakers->add_subcommand(
              "reset", "Close one as if new; lifts force and pause"),
            options);
}

exit_code run_breakers(const CLI::App& app, const breaker_options& options,
                       const cli_context& context) {
  auto server = api::open(options.api, context, listener_kind::admin);
  if (!server)
    return complain(server.error(), context);
  const auto* breakers = app.get_subcommand("breakers");
  if (breakers->got_subcommand("force"))
    return give_order(*server, "force",
                      {{"state", options.state},
                       {"ttl_s", options.ttl_s},
                       {"reason", options.reason}},
                      options, context);
  if (breakers->got_subcommand("reset"))
    return give_order(*server, "reset", {{"reason", options.reason}}, options,
                      context);
  return list(*server, options, context);
}

} // namespace troupe::cluster
