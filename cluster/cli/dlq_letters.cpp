#include "cluster/cli/dlq_letters.hpp"

#include "cluster/cli/metadata_filter.hpp"
#include "cluster/cli/table.hpp"

#include <boost/json/object.hpp>

#include <algorithm>
#include <utility>

namespace troupe::cluster {
namespace {

constexpr uint32_t page_rows_max = 100;

} // namespace

std::string letter_target(const std::string& id) {
  return "/v1/dead-letters/" + runtime::percent_encode(id);
}

std::string letter_query(const letter_filter& filter) {
  std::string query;
  auto add = [&](std::string_view key, const std::string& value) {
    if (!value.empty())
      ((query += '&') += key) += "=" + runtime::percent_encode(value);
  };
  for (const auto& x : filter.states)
    add("state", x);
  for (const auto& x : filter.reasons)
    add("reason", x);
  for (const auto& x : filter.models)
    add("model", x);
  for (const auto& x : filter.classes)
    add("class", x);
  for (const auto& x : filter.tiers)
    add("service_tier", x);
  query += metadata_query(filter.metadata);
  add("died_after", filter.died_after);
  add("died_before", filter.died_before);
  return query;
}

letter_pages::letter_pages(const api& server, const letter_filter& filter,
                           std::string order, std::string after)
  : server_{server}, query_{"&order=" + order + letter_query(filter)},
    after_{std::move(after)} {}

cli_result<boost::json::array> letter_pages::next(uint32_t limit) {
  auto target = "/v1/dead-letters?limit="
                + std::to_string(std::min(limit, page_rows_max)) + query_;
  if (!after_.empty())
    target += "&after=" + runtime::percent_encode(after_);
  auto answer = server_.get(target);
  if (!answer)
    return answer.error();
  auto* page = answer->body.if_object();
  auto* data = page ? page->if_contains("data") : nullptr;
  if (!data || !data->is_array())
    return cli_failure{exit_code::unexpected, "the server sent no list"};
  auto last = text_at(answer->body, "last_id");
  more_ = flag_at(answer->body, "has_more") && !last.empty() && last != after_;
  if (!last.empty())
    after_ = std::move(last);
  return std::move(data->get_array());
}

void letter_summary::add(const boost::json::value& letter) {
  ++matched;
  ++by_reason[text_at(letter, "reason")];
  ++by_model[text_at(letter, "model")];
}

std::string letter_summary::text() const {
  auto text = std::to_string(matched)
              + (matched == 1 ? " letter matches" : " letters match");
  auto separator = ": ";
  for (const auto& [reason, n] : by_reason)
    text += std::exchange(separator, ", ") + std::to_string(n) + " " + reason;
  separator = "; ";
  for (const auto& [model, n] : by_model)
    text += std::exchange(separator, ", ") + std::to_string(n) + " of " + model;
  return one_line(text);
}

} // namespace troupe::cluster
