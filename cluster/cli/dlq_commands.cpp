#include "cluster/cli/dlq_commands.hpp"

#include "cluster/cli/body_file.hpp"
#include "cluster/cli/dlq_letters.hpp"
#include "cluster/cli/job_text.hpp"
#include "cluster/cli/table.hpp"

#include <boost/json/object.hpp>

#include <algorithm>
#include <functional>
#include <istream>
#include <ostream>

namespace troupe::cluster {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr runtime::duration busy_pause = 1s;
constexpr double rate_min = 0.1;
constexpr double rate_max = 500;

table letter_table(const cli_context& context) {
  return {context,
          {{"ID", 30},
           {"STATE", 8},
           {"REASON", 18},
           {"MODEL", 8},
           {"TIER", 8},
           {"ATTEMPTS", 8},
           {"DIED", 24},
           {"ERROR"}}};
}

std::vector<std::string> letter_cells(const json::value& x) {
  return {cell_at(x, "id"),
          cell_at(x, "state"),
          cell_at(x, "reason"),
          cell_at(x, "model"),
          cell_at(x, "service_tier"),
          cell_at(x, "attempt_count"),
          cell_at(x, "died_at"),
          one_line(text_at(member(x, "error"), "message"))};
}

/// What a command about letters prints, and how it ends.
class dlq_command {
public:
  dlq_command(const api& server, const dlq_options& options,
              const cli_context& context)
    : server_{server}, options_{options}, context_{context} {}

  exit_code list();
  exit_code show();
  exit_code replay();
  exit_code drop();

private:
  using visitor = std::function<bool(const json::value& letter)>;
  /// Up to `max` letters of the filter, oldest first, until `visit` says false.
  exit_code visit_all(const visitor& visit);
  exit_code print_matches();
  exit_code summarise(letter_summary& into);
  /// What would happen, and whether it may.
  exit_code confirm(std::string_view verb, bool& go_on);
  exit_code replay_matches();
  exit_code drop_matches();
  cli_result<api_answer> replay_one(const std::string& id);
  void print_replay(const std::string& id, const api_answer& answer);
  exit_code complain_about(const std::string& id, const cli_failure& why);

  const api& server_;
  const dlq_options& options_;
  const cli_context& context_;
  json::object order_; ///< Body of each replay.
  table replays_{context_,
                 {{"ID", 30}, {"RESULT", 8}, {"JOB", 30}, {"STATUS"}}};
};

exit_code dlq_command::complain_about(const std::string& id,
                                      const cli_failure& why) {
  return complain({why.code, id + ": " + why.message}, context_);
}

// --- looking ------------------------------------------------------------------

exit_code dlq_command::list() {
  letter_pages pages{server_, options_.filter, options_.order, options_.after};
  auto rows = letter_table(context_);
  for (auto left = options_.limit; left > 0 && pages.more();) {
    auto page = pages.next(left);
    if (!page)
      return complain(page.error(), context_);
    for (const auto& x : *page)
      if (options_.api.json)
        context_.out << compact(x) << '\n';
      else
        rows.add(letter_cells(x));
    left -= std::min(left, static_cast<uint32_t>(page->size()));
  }
  if (!options_.api.json)
    rows.flush();
  context_.out.flush();
  if (pages.more())
    context_.err << "troupe: there are more: --after "
                 << one_line(pages.after()) << '\n';
  return exit_code::done;
}

exit_code dlq_command::show() {
  auto letter = server_.get(letter_target(options_.ids.front()));
  if (!letter)
    return complain(letter.error(), context_);
  if (options_.api.json) {
    context_.out << letter->text << '\n' << std::flush;
    return exit_code::done;
  }
  auto* fields = letter->body.if_object();
  const auto attempts = member(letter->body, "attempts");
  if (fields)
    fields->erase("attempts");
  print_fields(context_, letter->body);
  if (!attempts.is_array())
    return exit_code::done;
  context_.out << '\n';
  table rows{
    context_,
    {{"ATTEMPT"}, {"MODEL"}, {"WORKER"}, {"STARTED"}, {"ENDED"}, {"ERROR"}}};
  for (const auto& x : attempts.get_array())
    rows.add({cell_at(x, "attempt"), cell_at(x, "model"), cell_at(x, "worker"),
              cell_at(x, "started_at"), cell_at(x, "ended_at"),
              one_line(text_at(member(x, "error"), "message"))});
  rows.flush();
  return exit_code::done;
}

exit_code dlq_command::visit_all(const visitor& visit) {
  letter_pages pages{server_, options_.filter, "asc"};
  for (auto left = options_.max; left > 0 && pages.more();) {
    auto page = pages.next(left);
    if (!page)
      return complain(page.error(), context_);
    for (const auto& x : *page)
      if (!visit(x))
        return exit_code::interrupted;
    left -= std::min(left, static_cast<uint32_t>(page->size()));
  }
  return exit_code::done;
}

exit_code dlq_command::summarise(letter_summary& into) {
  return visit_all([&](const json::value& x) {
    into.add(x);
    return true;
  });
}

exit_code dlq_command::print_matches() {
  letter_summary summary;
  auto rows = letter_table(context_);
  auto code = visit_all([&](const json::value& x) {
    summary.add(x);
    if (options_.api.json)
      context_.out << compact(x) << '\n';
    else
      rows.add(letter_cells(x));
    return true;
  });
  if (code != exit_code::done)
    return code;
  if (!options_.api.json)
    rows.flush();
  context_.out.flush();
  context_.err << "troupe: " << summary.text() << "; nothing was changed\n";
  return exit_code::done;
}

exit_code dlq_command::confirm(std::string_view verb, bool& go_on) {
  go_on = options_.yes;
  if (go_on)
    return exit_code::done;
  letter_summary summary;
  if (auto code = summarise(summary); code != exit_code::done)
    return code;
  context_.err << "troupe: " << summary.text() << '\n';
  if (summary.matched == 0)
    return exit_code::done;
  if (!context_.in_is_terminal)
    return complain(
      {exit_code::usage, "repeat with --yes to " + std::string{verb} + " them"},
      context_);
  context_.err << std::string{verb} << " them? [y/N] " << std::flush;
  std::string answer;
  std::getline(context_.in, answer);
  go_on = answer == "y" || answer == "yes";
  return exit_code::done;
}

// --- replaying ------------------------------------------------------------------

/// A server that is busy is asked again until it takes the letter.
cli_result<api_answer> dlq_command::replay_one(const std::string& id) {
  for (;;) {
    auto answer = server_.post(letter_target(id) + "/replay", order_);
    if (answer || answer.error().code != exit_code::try_later)
      return answer;
    complain({answer.error().code, id + ": " + answer.error().message},
             context_);
    if (!server_.pause(busy_pause))
      return cli_failure{exit_code::interrupted, "interrupted"};
  }
}

void dlq_command::print_replay(const std::string& id,
                               const api_answer& answer) {
  if (options_.api.json) {
    context_.out << answer.text << '\n' << std::flush;
    return;
  }
  if (options_.dry_run)
    replays_.add({id,
                  flag_at(answer.body, "would_replay") ? "would" : "already",
                  cell_at(answer.body, "replayed_as"), ""});
  else
    replays_.add({id, answer.status == 202 ? "replayed" : "already",
                  text_at(answer.body, "id"), text_at(answer.body, "status")});
  replays_.flush();
  context_.out.flush();
}

exit_code dlq_command::replay() {
  if (!options_.edit_file.empty()) {
    auto edit = read_body_file(options_.edit_file, context_);
    if (!edit)
      return complain(edit.error(), context_);
    order_["edit"] = std::move(*edit);
  }
  if (options_.dry_run)
    order_["dry_run"] = true;
  if (options_.ids.empty())
    return options_.dry_run ? print_matches() : replay_matches();
  auto code = exit_code::done;
  for (const auto& id : options_.ids) {
    auto answer = replay_one(id);
    if (answer) {
      print_replay(id, *answer);
      continue;
    }
    auto why = complain_about(id, answer.error());
    code = code == exit_code::done ? why : code;
    if (why == exit_code::unreachable || why == exit_code::interrupted)
      break;
  }
  return code;
}

exit_code dlq_command::replay_matches() {
  bool go_on = false;
  if (auto code = confirm("replay", go_on); code != exit_code::done || !go_on)
    return code;
  const runtime::duration step{static_cast<int64_t>(1e6 / options_.rate_per_s)};
  uint64_t replayed = 0;
  uint64_t skipped = 0;
  auto worst = exit_code::done;
  auto code = visit_all([&](const json::value& x) {
    auto id = text_at(x, "id");
    // An operator's decision, one by one.
    if (text_at(x, "reason") == "poison") {
      ++skipped;
      return true;
    }
    auto answer = replay_one(id);
    if (answer) {
      ++replayed;
      print_replay(id, *answer);
    } else {
      auto why = complain_about(id, answer.error());
      worst = worst == exit_code::done ? why : worst;
      if (why == exit_code::unreachable || why == exit_code::interrupted)
        return false;
    }
    return server_.pause(step);
  });
  context_.err << "troupe: " << replayed << " replayed";
  if (skipped > 0)
    context_.err << ", " << skipped << " poison skipped";
  context_.err << '\n';
  if (worst != exit_code::done)
    return worst;
  return code;
}

// --- dropping -------------------------------------------------------------------

exit_code dlq_command::drop() {
  if (options_.ids.empty())
    return options_.dry_run ? print_matches() : drop_matches();
  auto code = exit_code::done;
  for (const auto& id : options_.ids) {
    // A dry run of one letter: is it there?
    auto answer = options_.dry_run ? server_.get(letter_target(id))
                                   : server_.remove(letter_target(id));
    if (answer) {
      context_.out << one_line(id) << '\n';
      continue;
    }
    auto why = complain_about(id, answer.error());
    code = code == exit_code::done ? why : code;
    if (why == exit_code::unreachable || why == exit_code::interrupted)
      break;
  }
  context_.out.flush();
  return code;
}

exit_code dlq_command::drop_matches() {
  bool go_on = false;
  if (auto code = confirm("drop", go_on); code != exit_code::done || !go_on)
    return code;
  auto answer =
    server_.remove("/v1/dead-letters?max=" + std::to_string(options_.max)
                   + letter_query(options_.filter));
  if (!answer)
    return complain(answer.error(), context_);
  if (options_.api.json)
    context_.out << answer->text << '\n' << std::flush;
  else
    context_.err << "troupe: " << cell_at(answer->body, "dropped")
                 << " dropped\n";
  return exit_code::done;
}

} // namespace

exit_code run_dlq(const dlq_options& options, const cli_context& context) {
  bool bulk =
    options.action == dlq_action::replay || options.action == dlq_action::drop;
  if (bulk && options.ids.empty() == options.filter.empty())
    return complain({exit_code::usage, "name either ids or filters"}, context);
  // Written so that NaN is out of range, too.
  if (!(options.rate_per_s >= rate_min && options.rate_per_s <= rate_max))
    return complain({exit_code::usage, "--rate must be within 0.1..500"},
                    context);
  auto server = api::open(options.api, context);
  if (!server)
    return complain(server.error(), context);
  dlq_command command{*server, options, context};
  switch (options.action) {
    case dlq_action::list:
      return command.list();
    case dlq_action::show:
      return command.show();
    case dlq_action::replay:
      return command.replay();
    case dlq_action::drop:
      return command.drop();
  }
  return exit_code::usage;
}

} // namespace troupe::cluster
