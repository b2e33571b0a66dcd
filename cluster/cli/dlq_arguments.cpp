#include "cluster/cli/dlq_arguments.hpp"

#include "cluster/cli/metadata_filter.hpp"

#include <CLI/CLI.hpp>

namespace troupe::cluster {
namespace {

constexpr auto dlq_footer = R"(Examples:
  troupe dlq list --reason attempts_exhausted
  troupe dlq show job_01k3x9m2c8f4t7q0v5zr1ndbhe
  troupe dlq replay job_01k3x9m2c8f4t7q0v5zr1ndbhe --edit patch.json
  troupe dlq replay --model writer --rate 5 --max 100 --yes
  troupe dlq drop --died-before 2026-08-01T00:00:00Z --dry-run
The edit is a JSON merge patch on the body of the job: what it names is replaced,
null removes.)";

CLI::App& add_command(CLI::App& dlq, dlq_options& to, dlq_action action,
                      const std::string& name, const std::string& what) {
  auto* command = dlq.add_subcommand(name, what);
  command->callback([&to, action] { to.action = action; });
  command->add_option("--url", to.api.url, "The node's API, http://HOST:PORT");
  command->add_option("--key-file", to.api.key_file,
                      "File with the API key, readable by you alone");
  command->add_flag("--json", to.api.json, "Print JSON");
  return *command;
}

void add_filter(CLI::App& command, letter_filter& to) {
  command.add_option("--reason", to.reasons, "attempts_exhausted, poison")
    ->take_all();
  command.add_option("--model", to.models, "Requested model")->take_all();
  command.add_option("--class", to.classes, "Job class")->take_all();
  command.add_option("--tier", to.tiers, "flex, default, priority")->take_all();
  add_metadata_filter(command, to.metadata);
  command.add_option("--died-after", to.died_after, "RFC 3339 time");
  command.add_option("--died-before", to.died_before, "RFC 3339 time");
}

void add_bulk(CLI::App& command, dlq_options& to, uint32_t max) {
  command.add_option("ID", to.ids, "These, or all that the filters match");
  add_filter(command, to.filter);
  command.add_option("--max", to.max, "By filter, so many at most")
    ->capture_default_str()
    ->check(CLI::Range(uint32_t{1}, max));
  command.add_flag("--dry-run", to.dry_run, "Say what would happen");
  command.add_flag("--yes", to.yes, "Do not ask");
}

} // namespace

void add_dlq(CLI::App& app, dlq_options& to) {
  auto* dlq = app.add_subcommand("dlq", "List, replay and drop dead letters");
  dlq->footer(dlq_footer);
  dlq->require_subcommand(1);
  auto& list =
    add_command(*dlq, to, dlq_action::list, "list", "List, newest first");
  add_filter(list, to.filter);
  list.add_option("--state", to.filter.states, "dead, replayed, dropped")
    ->take_all();
  list.add_option("--limit", to.limit, "So many at most")
    ->capture_default_str()
    ->check(CLI::Range(1, 1'000'000));
  list.add_option("--after", to.after, "Go on behind this id");
  list.add_option("--order", to.order, "desc or asc")
    ->check(CLI::IsMember({"desc", "asc"}));
  auto& show = add_command(*dlq, to, dlq_action::show, "show",
                           "One letter with its request and every attempt");
  show.add_option("ID", to.ids, "The letter")->required()->expected(1);
  auto& replay = add_command(*dlq, to, dlq_action::replay, "replay",
                             "Run dead letters again, as new jobs");
  add_bulk(replay, to, 1'000'000);
  replay.add_option("--edit", to.edit_file,
                    "JSON merge patch on the request; - is standard input");
  replay.add_option("--rate", to.rate_per_s, "By filter, so many per second")
    ->capture_default_str();
  auto& drop = add_command(*dlq, to, dlq_action::drop, "drop",
                           "Nobody needs these any more");
  add_bulk(drop, to, 10'000);
}

} // namespace troupe::cluster
