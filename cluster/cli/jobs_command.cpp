#include "cluster/cli/job_commands.hpp"
#include "cluster/cli/job_text.hpp"
#include "cluster/cli/metadata_filter.hpp"
#include "cluster/cli/table.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <map>
#include <ostream>

namespace troupe::cluster {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr uint32_t page_rows_max = 100;
constexpr runtime::duration follow_interval = 1s;

std::string filters_of(const jobs_options& options) {
  std::string query;
  auto add = [&](std::string_view key, const std::string& value) {
    if (!value.empty())
      ((query += '&') += key) += "=" + runtime::percent_encode(value);
  };
  for (const auto& x : options.statuses)
    add("status", x);
  for (const auto& x : options.models)
    add("model", x);
  for (const auto& x : options.tasks)
    add("task", x);
  for (const auto& x : options.classes)
    add("class", x);
  for (const auto& x : options.tiers)
    add("service_tier", x);
  query += metadata_query(options.metadata);
  add("created_after", options.created_after);
  add("created_before", options.created_before);
  if (options.dead_letter)
    add("dead_letter", "true");
  return query;
}

struct job_list_page {
  json::array jobs;
  std::string last_id;
  bool has_more = false;
};

cli_result<job_list_page> read_page(const api& server,
                                    const jobs_options& options, uint32_t limit,
                                    const std::string& after) {
  auto target = "/v1/jobs?limit=" + std::to_string(limit) + "&order="
                + runtime::percent_encode(options.order) + filters_of(options);
  if (!after.empty())
    target += "&after=" + runtime::percent_encode(after);
  auto answer = server.get(target);
  if (!answer)
    return answer.error();
  auto* map = answer->body.if_object();
  auto* data = map ? map->if_contains("data") : nullptr;
  if (!data || !data->is_array())
    return cli_failure{exit_code::unexpected, "the server sent no list"};
  return job_list_page{.jobs = std::move(data->get_array()),
                       .last_id = text_at(answer->body, "last_id"),
                       .has_more = flag_at(answer->body, "has_more")};
}

/// Prints jobs as lines of a table or as JSON.
class job_lines {
public:
  job_lines(const cli_context& context, bool as_json)
    : context_{context}, as_json_{as_json}, rows_{context, job_columns()} {}
  void print(const json::value& job) {
    if (as_json_)
      context_.out << compact(job) << '\n';
    else
      rows_.add(job_cells(job));
  }
  void flush() {
    if (!as_json_)
      rows_.flush();
    context_.out.flush();
  }

private:
  const cli_context& context_;
  bool as_json_;
  table rows_;
};

exit_code list_once(const api& server, const jobs_options& options,
                    const cli_context& context) {
  job_lines lines{context, options.api.json};
  auto after = options.after;
  auto left = options.limit;
  bool more = true;
  while (left > 0 && more) {
    auto page =
      read_page(server, options, std::min(left, page_rows_max), after);
    if (!page)
      return complain(page.error(), context);
    for (const auto& job : page->jobs)
      lines.print(job);
    lines.flush();
    left -= std::min<uint32_t>(left, static_cast<uint32_t>(page->jobs.size()));
    // A page may be short, and even empty, with more to scan behind it.
    more = page->has_more && !page->last_id.empty() && page->last_id != after;
    after = page->last_id;
  }
  if (more)
    context.err << "troupe: there are more: --after " << one_line(after)
                << '\n';
  return exit_code::done;
}

/// Newest jobs first from the server, oldest first to the reader; each again
/// when its version has grown.
exit_code follow(const api& server, jobs_options options,
                 const cli_context& context) {
  options.order = "desc";
  job_lines lines{context, options.api.json};
  std::map<std::string, std::string> versions;
  std::optional<runtime::mono_time> quiet_since;
  bool first = true;
  for (;;) {
    auto limit = first ? std::min(options.limit, page_rows_max) : page_rows_max;
    auto page = read_page(server, options, limit, {});
    auto now = runtime::system_clock().mono();
    if (page) {
      std::map<std::string, std::string> current;
      std::reverse(page->jobs.begin(), page->jobs.end());
      for (const auto& job : page->jobs) {
        auto id = text_at(job, "id");
        auto version = cell_at(job, "version");
        // Older than what the first page showed: not asked for.
        bool known = first || versions.empty() || id >= versions.begin()->first;
        if (known && (!versions.contains(id) || versions[id] != version))
          lines.print(job);
        if (known)
          current[id] = version;
      }
      lines.flush();
      versions = std::move(current);
      first = false;
      quiet_since.reset();
    } else {
      bool passes = page.error().code == exit_code::unreachable
                    || page.error().code == exit_code::try_later;
      if (!quiet_since)
        quiet_since = now;
      auto patience = std::chrono::seconds{options.reconnect_s};
      if (first || !passes || now - *quiet_since >= patience)
        return complain(page.error(), context);
      complain(page.error(), context);
    }
    if (!server.pause(follow_interval))
      return exit_code::interrupted;
  }
}

} // namespace

exit_code run_jobs(const jobs_options& options, const cli_context& context) {
  auto server = api::open(options.api, context);
  if (!server)
    return complain(server.error(), context);
  return options.follow ? follow(*server, options, context)
                        : list_once(*server, options, context);
}

} // namespace troupe::cluster
