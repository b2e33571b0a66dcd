// One connection from its first request to its close: reads under limits and
// deadlines, lets the guard and the parser agree, finds the route, answers.
// Exactly one of three things follows each answer: the next request, a gentle
// close, or (client gone) an immediate one.
#pragma once

#include "gateway/connection.hpp"
#include "gateway/exchange.hpp"

#include <memory>
#include <span>

namespace troupe::gateway {

task<void> run_session(std::shared_ptr<connection> conn, site where);

} // namespace troupe::gateway
