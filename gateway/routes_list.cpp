#include "gateway/io_thread.hpp"
#include "gateway/job_answers.hpp"
#include "gateway/job_json.hpp"
#include "gateway/list_query.hpp"
#include "gateway/routes_jobs.hpp"

#include <utility>

namespace troupe::gateway {

using runtime::job_query;
using runtime::refused;

namespace {

std::optional<problem> read_query(exchange& ex, job_query& into) {
  query_reader query{ex.request};
  auto& filter = into.filter;
  filter.tenant = ex.tenant;
  read_words(query, "status", runtime::status_from_string, filter.statuses);
  read_words(query, "task", runtime::task_from_string, filter.tasks);
  read_words(query, "service_tier", runtime::tier_from_string, filter.tiers);
  read_words(query, "model", any_name, filter.models);
  read_words(query, "class", any_name, filter.classes);
  filter.dead_letter = query.boolean("dead_letter");
  read_time(query, "created_after", filter.created_after);
  read_time(query, "created_before", filter.created_before);
  for (const auto* name : {"conversation", "batch"})
    query.not_supported(name);
  read_metadata(query, filter);
  return read_page_rule(query, into);
}

} // namespace

task<http_reply> list_jobs(exchange& ex) {
  job_query query;
  if (auto wrong = read_query(ex, query))
    co_return ex.fail(*wrong);
  auto answer = co_await ask_list(ex, std::move(query));
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  co_return http_reply{
    .body = render_page(std::get<runtime::job_page>(answer), write_job_row)};
}

} // namespace troupe::gateway
