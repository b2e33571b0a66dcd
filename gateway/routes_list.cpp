#include "gateway/io_thread.hpp"
#include "gateway/job_answers.hpp"
#include "gateway/job_json.hpp"
#include "gateway/query_reader.hpp"
#include "gateway/routes_jobs.hpp"

#include <utility>

namespace troupe::gateway {

using runtime::job_id;
using runtime::job_query;
using runtime::refused;

namespace {

constexpr uint64_t limit_max = 100;

// Repeated parameters of one name, each translated by `parse`.
template <class T, class Parse>
void read_words(query_reader& query, std::string_view name, Parse parse,
                std::vector<T>& into) {
  for (const auto word : query.all(name)) {
    if (auto value = parse(word))
      into.push_back(std::move(*value));
    else
      query.wrong(name, "is not a known value");
  }
}

std::optional<std::string> any_name(std::string_view word) {
  if (word.empty() || word.size() > 128)
    return std::nullopt;
  return std::string{word};
}

void read_time(query_reader& query, std::string_view name,
               runtime::wall_time& into) {
  const auto text = query.text(name);
  if (!text)
    return;
  if (const auto at = parse_rfc3339(*text))
    into = *at;
  else
    query.wrong(name, "must be a UTC time such as 2026-08-21T10:00:05.123Z");
}

// `cursor`: the text of `after` when it is no id.
std::optional<problem> read_query(exchange& ex, job_query& into) {
  query_reader query{ex.request};
  auto& filter = into.filter;
  filter.tenant = open_tenant;
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
  for (const auto& x : ex.request.query)
    if (x.name.starts_with("metadata["))
      query.not_supported(x.name);
  into.limit =
    static_cast<uint32_t>(query.natural("limit", 1, limit_max).value_or(20));
  if (const auto order = query.text("order")) {
    if (*order != "desc" && *order != "asc")
      query.wrong("order", "must be desc or asc");
    into.descending = *order != "asc";
  }
  const auto after = query.text("after");
  if (auto wrong = query.finish())
    return wrong;
  if (after) {
    into.after = job_id::parse(*after);
    if (!into.after)
      return problem{.slug = "invalid-cursor",
                     .detail = "`after` is not the id of a job"};
  }
  return std::nullopt;
}

} // namespace

task<http_reply> list_jobs(exchange& ex) {
  job_query query;
  if (auto wrong = read_query(ex, query))
    co_return ex.fail(*wrong);
  auto answer = co_await ask_list(ex, std::move(query));
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  const auto& page = std::get<runtime::job_page>(answer);
  http_reply reply;
  json_writer json{reply.body};
  json.begin_object();
  json.text("object", "list");
  json.key("data");
  json.begin_array();
  for (const auto& record : page.records)
    write_job_row(json, record);
  json.end_array();
  const auto id_or_null = [&](std::string_view key, std::optional<job_id> id) {
    id ? json.text(key, id->str()) : json.null(key);
  };
  std::optional<job_id> first;
  std::optional<job_id> last = page.scanned_to;
  if (!page.records.empty()) {
    first = page.records.front().id;
    // A scan that stopped early goes on behind what it has seen.
    if (!last)
      last = page.records.back().id;
  }
  id_or_null("first_id", first);
  id_or_null("last_id", last);
  json.boolean("has_more", page.has_more || page.scanned_to.has_value());
  json.end_object();
  co_return reply;
}

} // namespace troupe::gateway
