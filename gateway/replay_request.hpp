// The body that starts a replay run.
#pragma once

#include "gateway/problem.hpp"
#include "runtime/replay_run.hpp"

#include <boost/json/value.hpp>

#include <string>
#include <variant>

namespace troupe::gateway {

struct replay_request {
  runtime::replay_run run; ///< Without id, status and counts.
  boost::json::value edit; ///< An object; empty = none.
  bool dry_run = false;
};

/// {filter | ids, edit, rate_per_s, max, order, dry_run}; every mistake named.
std::variant<replay_request, problem>
read_replay_request(const boost::json::value& body, const std::string& tenant);

/// {rate_per_s}
std::variant<double, problem> read_rate_request(const boost::json::value& body);

} // namespace troupe::gateway
