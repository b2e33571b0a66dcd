#include "gateway/routes_letters.hpp"

#include "gateway/connection.hpp"
#include "gateway/letter_answers.hpp"
#include "gateway/letter_json.hpp"
#include "gateway/list_query.hpp"

#include <algorithm>
#include <utility>

namespace troupe::gateway {

using runtime::job_id;
using runtime::job_query;
using runtime::letter_state;
using runtime::letter_verdict;
using runtime::refused;

namespace {

constexpr uint64_t drop_max = 10'000;
constexpr uint64_t drop_default = 1'000;
constexpr uint32_t page_rows = 100;

problem unknown_letter() {
  return {.slug = "not-found", .detail = "there is no such dead letter"};
}

void read_filter(const exchange& ex, query_reader& query,
                 runtime::job_filter& filter) {
  filter.tenant = ex.tenant;
  filter.dead_letter = true;
  read_words(query, "state", runtime::letter_state_from_string,
             filter.letter_states);
  read_words(query, "reason", runtime::letter_reason_from_string,
             filter.letter_reasons);
  read_words(query, "model", any_name, filter.models);
  read_words(query, "class", any_name, filter.classes);
  read_words(query, "service_tier", runtime::tier_from_string, filter.tiers);
  read_time(query, "died_after", filter.died_after);
  read_time(query, "died_before", filter.died_before);
  read_metadata(query, filter);
  if (filter.letter_states.empty())
    filter.letter_states = {letter_state::dead};
}

struct drop_order {
  job_query query;
  uint64_t max = drop_default;
  bool dry_run = false;
};

std::variant<drop_order, problem> read_drop_order(const exchange& ex) {
  drop_order order;
  order.query.descending = false;
  query_reader query{ex.request};
  read_filter(ex, query, order.query.filter);
  if (order.query.filter.letter_states != std::vector{letter_state::dead})
    query.wrong("state", "only what is `dead` can be dropped");
  order.max = query.natural("max", 1, drop_max).value_or(drop_default);
  order.dry_run = query.boolean("dry_run").value_or(false);
  const auto narrows = [](const auto& x) {
    return x.name != "max" && x.name != "dry_run";
  };
  const auto& given = ex.request.query;
  if (std::none_of(given.begin(), given.end(), narrows))
    query.wrong("", "a filter is required, for instance state=dead");
  if (auto wrong = query.finish())
    return std::move(*wrong);
  return order;
}

http_reply drop_reply(uint64_t matched, uint64_t dropped) {
  http_reply reply;
  json_writer json{reply.body};
  json.begin_object();
  json.number("matched", matched);
  json.number("dropped", dropped);
  json.end_object();
  return reply;
}

} // namespace

task<http_reply> list_letters(exchange& ex) {
  query_reader query{ex.request};
  job_query wanted;
  read_filter(ex, query, wanted.filter);
  if (auto wrong = read_page_rule(query, wanted))
    co_return ex.fail(*wrong);
  auto answer = co_await ask_list(ex, std::move(wanted));
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  co_return http_reply{
    .body = render_page(std::get<runtime::job_page>(answer), write_letter_row)};
}

task<http_reply> get_letter(exchange& ex) {
  const auto id = job_id::parse(ex.params.front());
  if (!id)
    co_return ex.fail(unknown_letter());
  auto found = co_await ask_output(ex, *id);
  if (auto* no = std::get_if<refused>(&found))
    co_return ex.fail(to_problem(*no));
  const auto& job = std::get<runtime::output_read>(found).job;
  if (judge_letter(job.record) == letter_verdict::no_letter)
    co_return ex.fail(unknown_letter());
  auto attempts = co_await ask_attempts(ex, *id);
  if (auto* no = std::get_if<refused>(&attempts))
    co_return ex.fail(to_problem(*no));
  http_reply reply;
  json_writer json{reply.body};
  write_letter(json, job.record, job.spec.get(),
               std::get<std::vector<runtime::past_attempt>>(attempts));
  co_return reply;
}

task<http_reply> delete_letter(exchange& ex) {
  const auto id = job_id::parse(ex.params.front());
  if (!id)
    co_return ex.fail(unknown_letter());
  auto answer = co_await ask_drop(ex, *id);
  if (auto* no = std::get_if<refused>(&answer))
    co_return ex.fail(to_problem(*no));
  co_return http_reply{.status = 204};
}

task<http_reply> delete_letters(exchange& ex) {
  auto given = read_drop_order(ex);
  if (auto* wrong = std::get_if<problem>(&given))
    co_return ex.fail(*wrong);
  auto& order = std::get<drop_order>(given);
  uint64_t matched = 0;
  uint64_t dropped = 0;
  for (;;) {
    order.query.limit =
      static_cast<uint32_t>(std::min<uint64_t>(page_rows, order.max - matched));
    auto answer = co_await ask_list(ex, order.query);
    if (auto* no = std::get_if<refused>(&answer))
      co_return ex.fail(to_problem(*no));
    const auto& page = std::get<runtime::job_page>(answer);
    std::vector<job_id> ids;
    for (const auto& record : page.records)
      ids.push_back(record.id);
    matched += ids.size();
    if (!order.dry_run) {
      const auto gone = co_await ask_drop(ex, ids);
      dropped += gone;
    }
    order.query.after = next_page(page);
    if (!order.query.after || matched >= order.max || ex.conn.peer_gone())
      co_return drop_reply(matched, dropped);
  }
}

} // namespace troupe::gateway
