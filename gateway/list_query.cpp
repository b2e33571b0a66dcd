#include "gateway/list_query.hpp"

#include "gateway/field_reader.hpp"
#include "gateway/job_json.hpp"
#include "gateway/job_request.hpp"
#include "gateway/rfc3339.hpp"

namespace troupe::gateway {

using runtime::job_id;

namespace {

constexpr uint64_t limit_max = 100;

/// A scan that stopped early goes on behind what it has seen.
std::optional<job_id> last_of(const runtime::job_page& page) {
  if (page.scanned_to || page.records.empty())
    return page.scanned_to;
  return page.records.back().id;
}

void write_id(json_writer& json, std::string_view key,
              std::optional<job_id> id) {
  id ? json.text(key, id->str()) : json.null(key);
}

} // namespace

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

void read_metadata(query_reader& query, runtime::job_filter& into) {
  constexpr std::string_view opening = "metadata[";
  for (const auto& x : query.request().query) {
    const std::string_view name{x.name};
    if (!name.starts_with(opening) || !name.ends_with(']'))
      continue;
    const std::string key{
      name.substr(opening.size(), name.size() - opening.size() - 1)};
    if (into.metadata.contains(key))
      continue;
    const auto values = query.all(name);
    if (key.empty() || count_chars(key) > metadata_key_chars_max)
      query.wrong(name, "the key must have 1 to 64 characters");
    else if (into.metadata.size() == metadata_pairs_max)
      query.wrong(name, "is one key too many: at most 16");
    else
      into.metadata[key] = {values.begin(), values.end()};
  }
}

std::optional<problem> read_page_rule(query_reader& query,
                                      runtime::job_query& into) {
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

std::optional<job_id> next_page(const runtime::job_page& page) {
  return page.has_more ? last_of(page) : std::nullopt;
}

std::string render_page(const runtime::job_page& page,
                        void (*row)(json_writer&, const runtime::job_record&)) {
  std::string body;
  json_writer json{body};
  json.begin_object();
  json.text("object", "list");
  json.key("data");
  json.begin_array();
  for (const auto& record : page.records)
    row(json, record);
  json.end_array();
  std::optional<job_id> first;
  if (!page.records.empty())
    first = page.records.front().id;
  write_id(json, "first_id", first);
  write_id(json, "last_id", last_of(page));
  json.boolean("has_more", page.has_more || page.scanned_to.has_value());
  json.end_object();
  return body;
}

} // namespace troupe::gateway
