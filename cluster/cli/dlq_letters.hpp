// Dead letters of a server, page by page.
#pragma once

#include "cluster/cli/dlq_commands.hpp"

#include <boost/json/array.hpp>

#include <map>
#include <string>

namespace troupe::cluster {

std::string letter_target(const std::string& id);
/// `&reason=...&model=...`; empty without filters.
std::string letter_query(const letter_filter& filter);

/// Walks through the letters that match.
class letter_pages {
public:
  letter_pages(const api& server, const letter_filter& filter,
               std::string order, std::string after = {});

  /// Up to `limit` more; an empty page is no end, `more` says.
  cli_result<boost::json::array> next(uint32_t limit);
  bool more() const noexcept { return more_; }
  /// Behind which letter the next page goes on.
  const std::string& after() const noexcept { return after_; }

private:
  const api& server_;
  std::string query_;
  std::string after_;
  bool more_ = true;
};

/// What a dry run says.
struct letter_summary {
  uint64_t matched = 0;
  std::map<std::string, uint64_t> by_reason;
  std::map<std::string, uint64_t> by_model;
  void add(const boost::json::value& letter);
  /// "12 match: 10 attempts_exhausted, 2 poison; 12 of writer".
  std::string text() const;
};

} // namespace troupe::cluster
