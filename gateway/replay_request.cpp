#include "gateway/replay_request.hpp"

#include "gateway/field_reader.hpp"
#include "gateway/job_json.hpp"
#include "gateway/job_request.hpp"
#include "gateway/json_reader.hpp"
#include "gateway/rfc3339.hpp"
#include "runtime/replay_plan.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace troupe::gateway {

namespace json = boost::json;
using runtime::job_id;
using runtime::replay_plan;
using runtime::replay_run;

namespace {

constexpr size_t ids_max = 1'000;
constexpr int64_t letters_max = 1'000'000;
constexpr size_t words_max = 100;
constexpr number_range rates{replay_plan::rate_min, replay_plan::rate_max};

/// A word, or an array of words, each translated by `parse`.
template <class T, class Parse>
void read_words(field_reader& fields, std::string_view name, Parse parse,
                std::vector<T>& into) {
  const auto* value = fields.member(name);
  if (!value)
    return;
  const auto add = [&](const json::value& x) {
    const auto* word = x.if_string();
    auto parsed = word ? parse(std::string_view{*word}) : std::nullopt;
    if (parsed)
      into.push_back(std::move(*parsed));
    else
      fields.wrong(name, "is not a known value");
  };
  const auto* list = value->if_array();
  if (!list)
    return add(*value);
  if (list->empty() || list->size() > words_max)
    return fields.wrong(name, "must have 1 to 100 values");
  for (const auto& x : *list)
    add(x);
}

std::optional<std::string> any_word(std::string_view word) {
  if (word.empty() || word.size() > 128)
    return std::nullopt;
  return std::string{word};
}

void read_time(field_reader& fields, std::string_view name,
               runtime::wall_time& into) {
  const auto text = fields.text(name, 1, 64);
  if (!text)
    return;
  if (const auto at = parse_rfc3339(*text))
    into = *at;
  else
    fields.wrong(name, "must be a UTC time such as 2026-08-21T10:00:05.123Z");
}

void read_filter(const json::object& object, replay_run& run,
                 std::vector<field_error>& errors) {
  field_reader fields{object, "/filter", errors};
  if (object.empty())
    errors.push_back({"/filter", "must name something, for instance state"});
  if (auto state = fields.text("state", 1, 16); state && *state != "dead")
    fields.wrong("state", "only what is `dead` can be replayed");
  read_words(fields, "reason", runtime::letter_reason_from_string, run.reasons);
  read_words(fields, "model", any_word, run.models);
  read_words(fields, "class", any_word, run.classes);
  read_words(fields, "service_tier", runtime::tier_from_string, run.tiers);
  read_time(fields, "died_after", run.died_after);
  read_time(fields, "died_before", run.died_before);
  fields.not_supported("metadata");
  fields.finish();
}

void read_ids(field_reader& fields, const json::array& list, replay_run& run) {
  run.by_ids = true;
  if (list.empty() || list.size() > ids_max)
    return fields.wrong("ids", "must have 1 to 1000 ids");
  std::set<job_id> seen;
  for (const auto& x : list) {
    const auto* text = x.if_string();
    const auto id =
      text ? job_id::parse(std::string_view{*text}) : std::nullopt;
    if (!id)
      return fields.wrong("ids", "has something that is no id of a job");
    if (seen.insert(*id).second)
      run.waiting.push_back(*id);
  }
}

} // namespace

std::variant<replay_request, problem>
read_replay_request(const json::value& body, const std::string& tenant) {
  const auto* object = body.if_object();
  if (!object)
    return validation_problem({{"", "the body must be an object"}});
  std::vector<field_error> errors;
  field_reader fields{*object, "", errors};
  replay_request made{.run = {.tenant = tenant}, .edit = json::object{}};
  auto& run = made.run;
  const auto* filter = fields.object("filter");
  const auto* ids = fields.array("ids");
  if (object->contains("filter") == object->contains("ids"))
    errors.push_back({"", "give either `filter` or `ids`"});
  if (filter)
    read_filter(*filter, run, errors);
  if (ids)
    read_ids(fields, *ids, run);
  if (const auto* edit = fields.object("edit")) {
    made.edit = *edit;
    run.edit = canonical_json(made.edit);
  }
  run.rate_per_s = fields.number("rate_per_s", rates).value_or(run.rate_per_s);
  if (auto n = fields.integer("max", {1, letters_max}))
    run.max = static_cast<uint64_t>(*n);
  run.oldest_first = fields.choice("order", {"oldest", "newest"}) != "newest";
  made.dry_run = fields.boolean("dry_run").value_or(false);
  fields.finish();
  if (!errors.empty())
    return validation_problem(std::move(errors));
  return made;
}

std::variant<double, problem> read_rate_request(const json::value& body) {
  const auto* object = body.if_object();
  if (!object)
    return validation_problem({{"", "the body must be an object"}});
  std::vector<field_error> errors;
  field_reader fields{*object, "", errors};
  const auto rate = fields.number("rate_per_s", rates);
  if (!object->contains("rate_per_s"))
    fields.wrong("rate_per_s", "is required");
  fields.finish();
  if (!errors.empty())
    return validation_problem(std::move(errors));
  return rate.value_or(0.0);
}

} // namespace troupe::gateway
